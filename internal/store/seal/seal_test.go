package seal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

var testKeys = sync.OnceValue(func() map[string]*Keys {
	all := map[string]*Keys{}
	for name, k := range map[string]struct {
		cipher        Cipher
		key, previous string
	}{"chacha": {ChaCha20, "first", ""}, "aes": {AES, "first", ""}, "rotated": {AES, "second", "first"}, "off": {ChaCha20, "", "first"}, "other": {ChaCha20, "third", ""}} {
		keys, err := New(k.cipher, k.key, k.previous)
		if err != nil {
			panic(err)
		}
		all[name] = keys
	}
	return all
})

func box(t testing.TB, k *Keys, m Mark, purpose, salt string) *Box {
	t.Helper()
	b, err := k.Box(m, purpose, []byte(salt))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What was sealed opens with the same key, purpose, salt and place, and in no other way, and hides what it holds.
func TestOnlyTheSameOpens(t *testing.T) {
	for _, name := range []string{"chacha", "aes"} {
		k := testKeys()[name]
		other := testKeys()["other"]
		b := box(t, k, k.Mark(), "purpose", "salt")
		for size := range 100 {
			plain := bytes.Repeat([]byte("secret"), size)
			sealed := b.Seal([]byte("before"), plain, []byte("place"))
			if len(sealed) != 6+len(plain)+Overhead || bytes.Contains(sealed, []byte("secret")) {
				t.Fatalf("%q became %q", plain, sealed)
			}
			twice := append(b.Begin([]byte("before")), plain...)
			twice = b.End(twice, 6, []byte("place"))
			if got, err := b.Open(nil, twice[6:], []byte("place")); err != nil || !bytes.Equal(got, plain) || string(twice[:6]) != "before" {
				t.Fatalf("%q became %q in place", plain, twice)
			}
			sealed = sealed[6:]
			again := box(t, k, k.Mark(), "purpose", "salt")
			if got, err := again.Open([]byte("dst"), sealed, []byte("place")); err != nil || string(got) != "dst"+string(plain) {
				t.Fatalf("opened as %q, %v", got, err)
			}
			for what, open := range map[string]func() ([]byte, error){
				"place": func() ([]byte, error) { return again.Open(nil, sealed, []byte("place2")) },
				"purpose": func() ([]byte, error) {
					return box(t, k, k.Mark(), "purpose2", "salt").Open(nil, sealed, []byte("place"))
				},
				"salt": func() ([]byte, error) {
					return box(t, k, k.Mark(), "purpose", "salt2").Open(nil, sealed, []byte("place"))
				},
				"key": func() ([]byte, error) {
					return box(t, other, other.Mark(), "purpose", "salt").Open(nil, sealed, []byte("place"))
				},
				"cut": func() ([]byte, error) { return again.Open(nil, sealed[:rand.IntN(len(sealed))], []byte("place")) },
				"bit": func() ([]byte, error) {
					flipped := bytes.Clone(sealed)
					flipped[rand.IntN(len(flipped))] ^= 1 << rand.IntN(8)
					return again.Open(nil, flipped, []byte("place"))
				},
			} {
				if got, err := open(); !errors.Is(err, ErrForged) || len(got) > 0 {
					t.Fatalf("with another %s: %q, %v", what, got, err)
				}
			}
			if got, err := again.OpenInPlace(sealed, []byte("place")); err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("in place: %q, %v", got, err)
			}
		}
	}
}

// No nonce is used twice: by one box from several goroutines, and by two that have the same key.
func TestNoncesDiffer(t *testing.T) {
	k := testKeys()["chacha"]
	seen := map[string]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 2 {
		b := box(t, k, k.Mark(), "p", "s")
		for range 4 {
			wg.Go(func() {
				for range 500 {
					nonce := string(b.Seal(nil, nil, nil)[:nonceBytes])
					mu.Lock()
					if seen[nonce] {
						t.Error("a nonce was used twice")
					}
					seen[nonce] = true
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
}

// After a rotation what is written has the new key, and what has the old one is read. A key that is not configured is told
// as such.
func TestRotation(t *testing.T) {
	k := testKeys()
	old := k["chacha"].Mark()
	sealed := box(t, k["chacha"], old, "p", "s").Seal(nil, []byte("text"), nil)
	for _, name := range []string{"chacha", "aes", "rotated", "off"} { // also with another cipher configured
		if got, err := box(t, k[name], old, "p", "s").Open(nil, sealed, nil); err != nil || string(got) != "text" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, keys := range map[string]*Keys{"other": k["other"], "none": nil} {
		if _, err := keys.Box(old, "p", nil); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now := k["rotated"].Mark(); now.Key == old.Key || now.Cipher != AES || !now.Sealed() {
		t.Errorf("rotated from %v to %v", old, now)
	}
	if _, err := k["chacha"].Box(Mark{Cipher: 9, Key: old.Key}, "p", nil); !errors.Is(err, ErrKey) {
		t.Errorf("an unknown cipher: %v", err)
	}
	for name, keys := range map[string]*Keys{"off": k["off"], "none": nil} {
		b := box(t, keys, keys.Mark(), "p", "s")
		if keys.Mark().Sealed() || string(b.Seal([]byte("a"), []byte("b"), nil)) != "ab" {
			t.Errorf("%s: something is sealed", name)
		}
		if got, err := b.OpenInPlace([]byte("x"), nil); err != nil || string(got) != "x" {
			t.Errorf("%s: plain opens as %q, %v", name, got, err)
		}
		if got, err := b.Open([]byte("a"), []byte("b"), nil); err != nil || string(got) != "ab" {
			t.Errorf("%s: plain opens as %q, %v", name, got, err)
		}
	}
	if n := len(k["rotated"].Marks()); n != 4 {
		t.Errorf("%d marks", n)
	}
}

// A key gives the same for ever: what was written must be readable by every later version.
func TestKeysStayTheSame(t *testing.T) {
	for name, want := range map[string]string{"chacha": "d2c0ed49 00000000010000000000000081652a4b330d595a90df3cfafa105cebb46a8773", "aes": "d2c0ed49 00000000010000000000000000c47be7ba267867604f9ab479f8a372e59389a1"} {
		k := testKeys()[name]
		b := box(t, k, k.Mark(), "purpose", "salt")
		b.first = [nonceBytes]byte{}
		if got := fmt.Sprintf("%08x %x", k.Mark().Key, b.Seal(nil, []byte("text"), []byte("place"))); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// Without a key there are no keys, and a key wants a cipher.
func TestNew(t *testing.T) {
	if k, err := New(ChaCha20, "", ""); k != nil || err != nil {
		t.Error("keys without a key", err)
	}
	if _, err := New(Plain, "key", ""); err == nil {
		t.Error("a key without a cipher")
	}
}

// An envelope opens at its place with its key. Whatever bit is wrong is damage; a wrong key is not.
func TestEnvelope(t *testing.T) {
	k := testKeys()
	for _, content := range []string{"", "a", "what a checkpoint holds"} {
		for _, name := range []string{"chacha", "aes"} {
			data, err := k[name].Wrap([]byte("x"), []byte(content), "place")
			if err != nil {
				t.Fatal(err)
			}
			data = data[1:]
			if got, err := k["rotated"].Unwrap(data, "place"); err != nil || string(got) != content {
				t.Fatalf("%q, %v", got, err)
			}
			if _, err := k[name].Unwrap(data, "elsewhere"); !errors.Is(err, ErrForged) {
				t.Errorf("elsewhere: %v", err)
			}
			if _, err := k["other"].Unwrap(data, "place"); !errors.Is(err, ErrKey) {
				t.Errorf("with another key: %v", err)
			}
			for bit := len(envelopeMagic) * 8; bit < len(data)*8; bit++ {
				flipped := bytes.Clone(data)
				flipped[bit/8] ^= 1 << (bit % 8)
				if _, err := k[name].Unwrap(flipped, "place"); !errors.Is(err, ErrDamaged) {
					t.Fatalf("bit %d: %v", bit, err)
				}
			}
			for n := len(envelopeMagic); n < len(data); n++ {
				if _, err := k[name].Unwrap(data[:n], "place"); !errors.Is(err, ErrDamaged) {
					t.Fatalf("%d bytes: %v", n, err)
				}
			}
		}
	}
	for _, keys := range []*Keys{nil, k["off"]} {
		data, err := keys.Wrap(nil, []byte("plain"), "place")
		if err != nil || string(data) != "plain" {
			t.Fatalf("%q, %v", data, err)
		}
	}
	if got, err := k["chacha"].Unwrap([]byte("plain"), "place"); err != nil || string(got) != "plain" {
		t.Fatalf("%q, %v", got, err)
	}
}

func FuzzUnwrap(f *testing.F) {
	k := testKeys()["chacha"]
	data, err := k.Wrap(nil, []byte("content"), "place")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("plain"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := k.Unwrap(b, "place")
		if err == nil && string(got) != "content" && !bytes.Equal(got, b) {
			t.Fatalf("%q opens as %q", b, got)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	for _, name := range []string{"chacha", "aes"} {
		for _, size := range []int{160, 32 << 10} {
			b.Run(fmt.Sprintf("%s/bytes=%d", name, size), func(b *testing.B) {
				k := testKeys()[name]
				x := box(b, k, k.Mark(), "p", "s")
				plain, dst, place := make([]byte, size), make([]byte, 0, size+Overhead), make([]byte, 32)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					dst = x.Seal(dst[:0], plain, place)
				}
			})
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := New(ChaCha20, "key", ""); err != nil {
			b.Fatal(err)
		}
	}
}
