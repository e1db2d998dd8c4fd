// Package seal encrypts what is on the disk: the key that an operator configured, and boxes that seal pieces
// of files with keys derived from it.
//
// Formats seal payloads and leave their own heads, lengths and checksums readable: checksums cover what is on
// the disk, so that what was torn or damaged is told without any key, and by the same rules. What a file was
// sealed with stands in its header as a Mark. So a wrong key is an error of its own (ErrKey) and never looks
// like damage, and files of an earlier key are read with it while new ones are written with the current one.
//
// # Keys
//
// The configured key is stretched once, by Argon2id with 64 MiB, since nobody can say that it is not a
// passphrase. The salt of that is a constant: a random one would have to be kept in a file without which
// everything is lost. From the result a key is derived by HKDF for each purpose and file, so that no key
// encrypts more than one file, one opening of the log, or one checkpoint.
//
// # Nonces
//
// Each sealed piece begins with its nonce. A Box draws the first one at random, 96 bits, and counts on from
// there. Offsets are no nonces: a tail that was torn is written again at the same place. That two openings of
// one file come to share a nonce takes 2^26 openings with 2^24 pieces each for a chance of one in a million.
//
// What is not hidden: how many messages there are, of what size, when they were stored, and for which stream.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// Cipher is how something is sealed. Its numbers are part of file formats.
type Cipher uint8

const (
	Plain    Cipher = 0 // not at all
	ChaCha20 Cipher = 1 // ChaCha20-Poly1305
	AES      Cipher = 2 // AES-256-GCM
)

const (
	nonceBytes = 12
	keyBytes   = 32
	// TagBytes is how much stands behind the content of a sealed piece.
	TagBytes = 16
	// Overhead is by how many bytes a sealed piece is longer than what it holds.
	Overhead = nonceBytes + TagBytes
	// SaltBytes is the length of the salts that formats keep.
	SaltBytes = 16
)

var (
	// ErrKey says that something was sealed with a key that is not configured. It is no damage.
	ErrKey = errors.New("encrypted with a key that is not configured here")
	// ErrForged says that a piece is not what was sealed at its place, by that key.
	ErrForged = errors.New("does not open with its key: changed, or moved from another place")
)

func (c Cipher) String() string {
	switch c {
	case Plain:
		return "plain"
	case ChaCha20:
		return "ChaCha20-Poly1305"
	case AES:
		return "AES-256-GCM"
	}
	return fmt.Sprintf("cipher %d", uint8(c))
}

// Mark says in a file's header what the file is sealed with. Its zero value: it is not.
type Mark struct {
	Cipher Cipher
	Key    uint32 // identifies the key, without telling anything about it
}

// Sealed says whether there is anything to open.
func (m Mark) Sealed() bool { return m != Mark{} }

// Keys are what a store is sealed with. A nil *Keys seals nothing and opens what is plain.
type Keys struct {
	cipher            Cipher
	current, previous *secret // nil: none
}

// secret is a configured key, stretched.
type secret struct {
	id   uint32
	root []byte
}

// New returns the keys of a configuration. key may be empty: then nothing is sealed, and what was sealed with
// previous can still be read. Both empty give nil. It takes some 100 ms and 64 MiB for each key.
func New(c Cipher, key, previous string) (*Keys, error) {
	if c != ChaCha20 && c != AES {
		return nil, fmt.Errorf("%v cannot be used for encryption", c)
	}
	if key == "" && previous == "" {
		return nil, nil
	}
	k := &Keys{cipher: c}
	var err error
	if key != "" {
		if k.current, err = stretch(key); err != nil {
			return nil, err
		}
	}
	if previous != "" && previous != key {
		if k.previous, err = stretch(previous); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// The costs are the second recommendation of RFC 9106.
const (
	argonPasses    = 3
	argonKiB       = 64 << 10
	argonLanes     = 4
	argonSalt      = "myelin store 1"
	purposeOfKeyID = "key id"
)

func stretch(key string) (*secret, error) {
	s := &secret{root: argon2.IDKey([]byte(key), []byte(argonSalt), argonPasses, argonKiB, argonLanes, keyBytes)}
	id, err := hkdf.Key(sha256.New, s.root, nil, purposeOfKeyID, 4)
	if err != nil {
		return nil, err
	}
	s.id = binary.LittleEndian.Uint32(id)
	return s, nil
}

// Mark is that of what is written now.
func (k *Keys) Mark() Mark {
	if k == nil || k.current == nil {
		return Mark{}
	}
	return Mark{Cipher: k.cipher, Key: k.current.id}
}

// Box returns the box for what was, or will be, written under a mark: nil for what is plain. The purpose and the
// salt say what the box is for; together they are not used for anything else. ErrKey tells that there is no
// such key.
func (k *Keys) Box(m Mark, purpose string, salt []byte) (*Box, error) {
	if !m.Sealed() {
		return nil, nil
	}
	if m.Cipher != ChaCha20 && m.Cipher != AES {
		return nil, fmt.Errorf("%w: %v is not known", ErrKey, m.Cipher)
	}
	s := k.secret(m.Key)
	if s == nil {
		return nil, fmt.Errorf("%w (key %08x, %v)", ErrKey, m.Key, m.Cipher)
	}
	return s.box(m.Cipher, purpose, salt)
}

func (k *Keys) secret(id uint32) *secret {
	if k == nil {
		return nil
	}
	for _, s := range []*secret{k.current, k.previous} {
		if s != nil && s.id == id {
			return s
		}
	}
	return nil
}

// Marks are all that something may have been sealed with, as far as keys are known: for headers that are lost.
func (k *Keys) Marks() (marks []Mark) {
	if k == nil {
		return nil
	}
	for _, s := range []*secret{k.current, k.previous} {
		if s != nil {
			marks = append(marks, Mark{ChaCha20, s.id}, Mark{AES, s.id})
		}
	}
	return marks
}

func (s *secret) box(c Cipher, purpose string, salt []byte) (*Box, error) {
	key, err := hkdf.Key(sha256.New, s.root, salt, fmt.Sprintf("%s, %v", purpose, c), keyBytes)
	if err != nil {
		return nil, err
	}
	b := &Box{}
	if c == ChaCha20 {
		b.aead, err = chacha20poly1305.New(key)
	} else {
		var block cipher.Block
		if block, err = aes.NewCipher(key); err == nil {
			b.aead, err = cipher.NewGCM(block)
		}
	}
	if err != nil {
		return nil, err
	}
	if _, err := rand.Read(b.first[:]); err != nil {
		return nil, err
	}
	return b, nil
}

// Box seals and opens pieces with one key. Its methods may be called concurrently.
type Box struct {
	aead  cipher.AEAD
	first [nonceBytes]byte // nonce
	used  atomic.Uint64    // nonces
}

// Seal appends plain to dst, sealed and bound to its place: Overhead bytes more. The three may not overlap, unless place
// lies in dst. A nil Box appends plain as it is.
func (b *Box) Seal(dst, plain, place []byte) []byte {
	if b == nil {
		return append(dst, plain...)
	}
	at := len(dst)
	dst = b.Begin(dst)
	return b.aead.Seal(dst, dst[at:], plain, place)
}

// Begin appends to dst what goes before a piece whose content is then appended, and sealed where it is by End. A nil Box
// appends nothing.
func (b *Box) Begin(dst []byte) []byte {
	if b == nil {
		return dst
	}
	dst = append(dst, b.first[:]...)
	low := dst[len(dst)-8:]
	binary.LittleEndian.PutUint64(low, binary.LittleEndian.Uint64(low)+b.used.Add(1))
	return dst
}

// End seals what was appended to dst since Begin was called with so many bytes in it.
func (b *Box) End(dst []byte, at int, place []byte) []byte {
	if b == nil {
		return dst
	}
	content := at + nonceBytes
	return b.aead.Seal(dst[:content], dst[at:content], dst[content:], place)
}

// Open appends to dst what was sealed for that place. The error is ErrForged. A nil Box appends sealed as it is.
func (b *Box) Open(dst, sealed, place []byte) ([]byte, error) {
	if b == nil {
		return append(dst, sealed...), nil
	}
	if len(sealed) < Overhead {
		return dst, ErrForged
	}
	plain, err := b.aead.Open(dst, sealed[:nonceBytes], sealed[nonceBytes:], place)
	if err != nil {
		return dst, ErrForged
	}
	return plain, nil
}

// OpenInPlace is Open into the memory of sealed, which is overwritten; also, with nothing of use, when it fails.
func (b *Box) OpenInPlace(sealed, place []byte) ([]byte, error) {
	if b == nil {
		return sealed, nil
	}
	if len(sealed) < Overhead {
		return nil, ErrForged
	}
	return b.Open(sealed[nonceBytes:nonceBytes], sealed, place)
}
