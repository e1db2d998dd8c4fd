package staple

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxCached bounds the certificates that a Cache knows of.
const maxCached = 10_000

// Cache remembers what was answered about certificates of peers. It may be used by many at a time; nil remembers nothing.
type Cache struct {
	preserveRevoked bool // what is revoked stays so, also when the answer does not hold any longer

	mu    sync.Mutex                  // guards what follows
	known map[[sha256.Size]byte]known // by fingerprint
}

type known struct {
	status Status
	until  time.Time
}

// NewCache returns an empty cache. With preserveRevoked, a certificate that was revoked stays so whatever its issuer says.
func NewCache(preserveRevoked bool) *Cache {
	return &Cache{preserveRevoked: preserveRevoked, known: make(map[[sha256.Size]byte]known)}
}

// current is the answer that holds at a time.
func (c *Cache) current(print [sha256.Size]byte, now time.Time) (status Status, ok bool) {
	if c == nil {
		return "", false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.known[print]
	if ok && k.until.Before(now) && !(c.preserveRevoked && k.status == Revoked) {
		return "", false
	}
	return k.status, ok
}

// revoked reports whether the last answer was that, however long ago.
func (c *Cache) revoked(print [sha256.Size]byte) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[print].status == Revoked
}

// keep remembers an answer; one that says nothing is not worth it.
func (c *Cache) keep(print [sha256.Size]byte, status Status, until time.Time) {
	if c == nil || status == Unknown {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.known[print]; !ok && len(c.known) >= maxCached {
		c.makeRoom()
	}
	c.known[print] = known{status, until}
}

// makeRoom forgets any certificate, if there is one rather one that is not revoked.
func (c *Cache) makeRoom() {
	var victim [sha256.Size]byte
	for print, k := range c.known {
		victim = print
		if k.status != Revoked {
			break
		}
	}
	delete(c.known, victim)
}
