package cli

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/nats-io/nkeys"
	"github.com/spf13/cobra"
)

// keyKinds are the kinds of keys that can be made, by name.
var keyKinds = map[string]nkeys.PrefixByte{
	"user": nkeys.PrefixByteUser, "account": nkeys.PrefixByteAccount, "server": nkeys.PrefixByteServer,
	"cluster": nkeys.PrefixByteCluster, "operator": nkeys.PrefixByteOperator, "curve": nkeys.PrefixByteCurve,
	"x25519": nkeys.PrefixByteCurve,
}

// newNKey is the group of commands about single keys.
func newNKey(con *console) *cobra.Command {
	return family(&cobra.Command{
		Use:     "nkey",
		Aliases: []string{"nk"},
		Short:   "Make and use NKeys",
		Long: `Make and use NKeys.

A key is a file with a seed, which is secret, or with a public key. The name - stands for stdin.`,
	}, newNKeyGen(con), newNKeyShow(con), newNKeySign(con), newNKeyVerify(con), newNKeySeal(con), newNKeyUnseal(con))
}

func newNKeyGen(con *console) *cobra.Command {
	var output, entropy string
	var public, force bool
	cmd := &cobra.Command{
		Use:   "gen <type>",
		Short: "Make a key: " + strings.Join(orderNames(keyKinds), ", "),
		Long: `Make a key: ` + strings.Join(orderNames(keyKinds), ", ") + `.

It prints the seed. With --output the seed goes to a file that nobody else can read, and the public key is printed.`,
		Example: `  myelin auth nkey gen user --output orders.nk`,
		Args:    arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			pair, err := newKeyPair(args[0], entropy)
			if err != nil {
				return err
			}
			seed, err := pair.Seed()
			if err != nil {
				return err
			}
			key, err := pair.PublicKey()
			if err != nil {
				return err
			}
			if output != "" {
				if err := writeNew(output, append(seed, '\n'), privateMode, force); err != nil {
					return err
				}
				con.printf("%s\n", key)
				return nil
			}
			con.printf("%s\n", seed)
			if public {
				con.printf("%s\n", key)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&public, "public", false, "print the public key as well")
	flags.StringVar(&output, "output", "", "`file` to write the seed to")
	flags.StringVar(&entropy, "entropy", "", "`file` to take random bytes from, as /dev/urandom")
	flags.BoolVarP(&force, "force", "f", false, "replace a file that is there")
	return cmd
}

// newKeyPair makes a key of a kind that has a name.
func newKeyPair(kind, entropy string) (nkeys.KeyPair, error) {
	prefix, ok := keyKinds[kind]
	if !ok {
		return nil, fmt.Errorf("there is no type of keys %q: there are %s", kind, strings.Join(orderNames(keyKinds), ", "))
	}
	source := rand.Reader
	if entropy != "" {
		file, err := os.Open(entropy)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		source = file
	}
	return nkeys.CreatePairWithRand(prefix, source)
}

// keyFrom reads a key from a file: the first line that is a seed, as in a file of credentials, or a public key.
func (c *console) keyFrom(name string) (nkeys.KeyPair, error) {
	data, err := c.readInput(name)
	if err != nil {
		return nil, err
	}
	pair, err := parseKey(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return pair, nil
}

func parseKey(data []byte) (nkeys.KeyPair, error) {
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if _, _, err := nkeys.DecodeSeed(line); err != nil {
			continue
		}
		if bytes.HasPrefix(line, []byte("SX")) {
			return nkeys.FromCurveSeed(line)
		}
		return nkeys.FromSeed(line)
	}
	if key := string(bytes.TrimSpace(data)); nkeys.IsValidPublicKey(key) {
		return nkeys.FromPublicKey(key)
	}
	return nil, errors.New("this is no NKey")
}

// publicKey reads a public key that is given as it is, or in a file.
func (c *console) publicKey(text string) (string, error) {
	if nkeys.IsValidPublicKey(text) {
		return text, nil
	}
	pair, err := c.keyFrom(text)
	if err != nil {
		return "", err
	}
	return pair.PublicKey()
}

func newNKeyShow(con *console) *cobra.Command {
	return &cobra.Command{
		Use:   "show <key>",
		Short: "Print the public key that belongs to a seed",
		Args:  arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			pair, err := con.keyFrom(args[0])
			if err != nil {
				return err
			}
			key, err := pair.PublicKey()
			if err != nil {
				return err
			}
			con.printf("%s\n", key)
			return nil
		},
	}
}

func newNKeySign(con *console) *cobra.Command {
	return &cobra.Command{
		Use:   "sign <file> <key>",
		Short: "Print the signature of a file's content",
		Args:  arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			data, pair, err := con.dataAndKey(args[0], args[1])
			if err != nil {
				return err
			}
			signature, err := pair.Sign(data)
			if err != nil {
				return fmt.Errorf("%s: %w", args[1], err)
			}
			con.printf("%s\n", base64.RawURLEncoding.EncodeToString(signature))
			return nil
		},
	}
}

// dataAndKey reads what is to be worked on and the key, which cannot both be stdin.
func (c *console) dataAndKey(file, key string) ([]byte, nkeys.KeyPair, error) {
	if file == "-" && key == "-" {
		return nil, nil, errors.New("only one of the files can be stdin")
	}
	data, err := c.readInput(file)
	if err != nil {
		return nil, nil, err
	}
	pair, err := c.keyFrom(key)
	return data, pair, err
}

func newNKeyVerify(con *console) *cobra.Command {
	return &cobra.Command{
		Use:     "verify <file> <signature> <key>",
		Aliases: []string{"check"},
		Short:   "Verify the signature of a file's content with a public key or a seed",
		Args:    arguments(3, 3),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := con.readInput(args[0])
			if err != nil {
				return err
			}
			text, err := con.readInput(args[1])
			if err != nil {
				return err
			}
			signature, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(string(text)), "="))
			if err != nil {
				return fmt.Errorf("%s holds no signature: %w", args[1], err)
			}
			key, err := con.publicKey(args[2])
			if err != nil {
				return err
			}
			pair, err := nkeys.FromPublicKey(key)
			if err != nil {
				return err
			}
			if err := pair.Verify(data, signature); err != nil {
				return errors.New("the signature is not one of this key for this content")
			}
			con.printf("Verified OK\n")
			return nil
		},
	}
}

// sealer encrypts and decrypts with keys of curve X25519.
type sealer struct {
	con    *console
	output string
	b64    bool
	force  bool
}

func (s *sealer) command(cmd *cobra.Command, run func(args []string) error, b64 string) *cobra.Command {
	cmd.Args = arguments(3, 3)
	cmd.RunE = func(_ *cobra.Command, args []string) error { return run(args) }
	flags := cmd.Flags()
	flags.StringVar(&s.output, "output", "", "`file` to write to instead of stdout")
	onOff(flags, &s.b64, "b64", b64)
	flags.BoolVarP(&s.force, "force", "f", false, "replace a file that is there")
	return cmd
}

// write prints data, or writes it to the file that was named.
func (s *sealer) write(data []byte) error {
	if s.output != "" {
		return writeNew(s.output, data, privateMode, s.force)
	}
	_, err := s.con.out.Write(data)
	return err
}

func newNKeySeal(con *console) *cobra.Command {
	s := &sealer{con: con}
	return s.command(&cobra.Command{
		Use:     "seal <file> <key> <recipient>",
		Aliases: []string{"encrypt", "enc"},
		Short:   "Encrypt a file, with a curve key of one's own, for the public curve key of somebody",
	}, func(args []string) error {
		data, pair, err := con.dataAndKey(args[0], args[1])
		if err != nil {
			return err
		}
		recipient, err := con.publicKey(args[2])
		if err != nil {
			return err
		}
		sealed, err := pair.Seal(data, recipient)
		if err != nil {
			return fmt.Errorf("seal: %w", err)
		}
		if s.b64 {
			sealed = append([]byte(base64.StdEncoding.EncodeToString(sealed)), '\n')
		}
		return s.write(sealed)
	}, "write base64")
}

func newNKeyUnseal(con *console) *cobra.Command {
	s := &sealer{con: con}
	return s.command(&cobra.Command{
		Use:     "unseal <file> <key> <sender>",
		Aliases: []string{"open", "decrypt", "dec"},
		Short:   "Decrypt a file, with a curve key of one's own, that the public curve key of somebody has encrypted",
	}, func(args []string) error {
		data, pair, err := con.dataAndKey(args[0], args[1])
		if err != nil {
			return err
		}
		sender, err := con.publicKey(args[2])
		if err != nil {
			return err
		}
		if s.b64 {
			if data, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(bytes.TrimSpace(data)))); err != nil {
				return fmt.Errorf("%s is not base64: %w", args[0], err)
			}
		}
		opened, err := pair.Open(data, sender)
		if err != nil {
			return errors.New("this was not sealed by that sender for this key, or it was changed")
		}
		return s.write(opened)
	}, "read base64")
}
