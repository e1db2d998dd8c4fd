package cli

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nkeys"
	"github.com/spf13/cobra"

	"myelin/internal/cli/nscstore"
)

// newOperatorBackup writes all of an operator to a file, as the nats tool does.
func newOperatorBackup(con *console) *cobra.Command {
	k := &keeper{con: con}
	var key string
	var force bool
	cmd := &cobra.Command{
		Use:   "backup <name> <output>",
		Short: "Write an operator with its accounts, users and all keys to a file that nobody else can read",
		Args:  arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			o, err := k.theOperator(args[0])
			if err != nil {
				return err
			}
			backup, err := o.Backup()
			if err != nil {
				return err
			}
			data, err := json.MarshalIndent(backup, "", "  ")
			if err != nil {
				return err
			}
			if key != "" {
				if data, err = sealForOneself(con, data, key); err != nil {
					return err
				}
			}
			if err := writeNew(args[1], data, privateMode, force); err != nil {
				return err
			}
			con.printf("Wrote backup for %s to %s\n", o.Name, args[1])
			if key == "" {
				con.logf("WARNING: it is not encrypted, and has all secrets of the operator; --key encrypts it")
			}
			return nil
		},
	}
	k.addFlags(cmd, true)
	cmd.Flags().StringVar(&key, "key", "", "`file` with a curve key to encrypt it with")
	cmd.Flags().BoolVarP(&force, "force", "f", false, "replace a file that is there")
	return cmd
}

// sealForOneself encrypts with a curve key so that the same one opens it.
func sealForOneself(con *console, data []byte, key string) ([]byte, error) {
	pair, public, err := curveKey(con, key)
	if err != nil {
		return nil, err
	}
	return pair.Seal(data, public)
}

func curveKey(con *console, file string) (nkeys.KeyPair, string, error) {
	pair, err := con.keyFrom(file)
	if err != nil {
		return nil, "", err
	}
	public, err := pair.PublicKey()
	if err == nil && !nkeys.IsValidPublicCurveKey(public) {
		err = fmt.Errorf("%s: this is no curve key", file)
	}
	return pair, public, err
}

func newOperatorRestore(con *console) *cobra.Command {
	k := &keeper{con: con}
	var key string
	cmd := &cobra.Command{
		Use:   "restore <name> <input>",
		Short: "Make an operator again from a backup",
		Args:  arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := con.readInput(args[1])
			if err != nil {
				return err
			}
			if key != "" {
				pair, public, err := curveKey(con, key)
				if err != nil {
					return err
				}
				if data, err = pair.Open(data, public); err != nil {
					return errors.New("the backup was not encrypted with this key, or it was changed")
				}
			}
			var backup nscstore.Backup
			if err := json.Unmarshal(data, &backup); err != nil {
				return fmt.Errorf("%s is no backup, or is encrypted: %w", args[1], err)
			}
			if backup.Name != args[0] {
				return fmt.Errorf("this is a backup of operator %q", backup.Name)
			}
			store, err := k.store()
			if err != nil {
				return err
			}
			o, err := store.Restore(&backup)
			if err != nil {
				return err
			}
			return showOperator(k, o)
		},
	}
	k.addFlags(cmd, true)
	cmd.Flags().StringVar(&key, "key", "", "`file` with the curve key that the backup was encrypted with")
	return cmd
}
