package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// An envelope is a small file that is sealed as a whole, like a checkpoint:
//
//	 0  magic     8   "\x89MYSEAL\n"
//	 8  version   u8  1
//	 9  cipher    u8  1 ChaCha20-Poly1305   2 AES-256-GCM
//	10  zero      u16
//	12  key       u32 id of the key
//	16  salt      16
//	32  nonce     12
//	44  content, encrypted, and its tag (16)
//	    checksum  u32 CRC-32C of all before
//
// Numbers are little-endian. Its key is derived for the purpose "envelope" and the salt. The place and the first
// 32 bytes are authenticated.
const (
	envelopeMagic   = "\x89MYSEAL\n"
	envelopeVersion = 1
	envelopeHead    = 32
	envelopePurpose = "envelope"
)

// ErrDamaged says that an envelope is not what was written.
var ErrDamaged = errors.New("wrong checksum of an encrypted file")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Wrap appends an envelope with a content that belongs to a place, such as the name of a file. Without a key it appends the
// content as it is.
func (k *Keys) Wrap(dst, content []byte, place string) ([]byte, error) {
	m := k.Mark()
	if !m.Sealed() {
		return append(dst, content...), nil
	}
	at := len(dst)
	head := append([]byte(envelopeMagic), envelopeVersion, byte(m.Cipher), 0, 0)
	head = binary.LittleEndian.AppendUint32(head, m.Key)
	head = append(head, make([]byte, SaltBytes)...)
	salt := head[envelopeHead-SaltBytes:]
	if _, err := rand.Read(salt); err != nil {
		return dst, err
	}
	box, err := k.Box(m, envelopePurpose, salt)
	if err != nil {
		return dst, err
	}
	dst = box.Seal(append(dst, head...), content, append(head, place...))
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[at:], castagnoli)), nil
}

// Unwrap returns the content of an envelope. What is none is returned as it is. Errors: ErrDamaged, ErrKey, ErrForged.
func (k *Keys) Unwrap(data []byte, place string) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte(envelopeMagic)) {
		return data, nil
	}
	end := len(data) - 4
	if end < envelopeHead+Overhead || crc32.Checksum(data[:end], castagnoli) != binary.LittleEndian.Uint32(data[end:]) || data[8] != envelopeVersion {
		return nil, ErrDamaged
	}
	m := Mark{Cipher: Cipher(data[9]), Key: binary.LittleEndian.Uint32(data[12:])}
	if !m.Sealed() {
		return nil, ErrDamaged
	}
	box, err := k.Box(m, envelopePurpose, data[envelopeHead-SaltBytes:envelopeHead])
	if err != nil {
		return nil, err
	}
	return box.Open(nil, data[envelopeHead:end], append(bytes.Clone(data[:envelopeHead]), place...))
}
