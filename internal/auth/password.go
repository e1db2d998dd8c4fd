package auth

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"

	"golang.org/x/crypto/bcrypt"
)

// hashed is what a bcrypt hash begins with. Anything else is a plain password.
var hashed = regexp.MustCompile(`^\$2[abxy]\$[0-9]{2}\$`)

// password is what to compare a given password with.
type password struct {
	digest [sha256.Size]byte // of a plain one
	hash   []byte            // nil for a plain one
	cost   int               // of the hash; 0 for a plain one
}

// CheckPassword says what is wrong with a password or token of a configuration.
func CheckPassword(s Secret) error {
	_, err := newPassword(s)
	return err
}

func newPassword(s Secret) (password, error) {
	if !hashed.MatchString(string(s)) {
		return password{digest: sha256.Sum256([]byte(s))}, nil
	}
	cost, err := bcrypt.Cost([]byte(s))
	if err != nil {
		return password{}, errors.New("the bcrypt hash is damaged")
	}
	return password{hash: []byte(s), cost: cost}, nil
}

// matches takes a time that tells neither where nor by how much the two differ.
func (p *password) matches(given string) bool {
	if p.hash != nil {
		return bcrypt.CompareHashAndPassword(p.hash, []byte(given)) == nil
	}
	digest := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(digest[:], p.digest[:]) == 1
}

// equals reports whether the same text was configured.
func (p *password) equals(other *password) bool {
	return p.digest == other.digest && bytes.Equal(p.hash, other.hash)
}

// nobody is compared with when there is no such user.
var nobody password

// passwords knows what the dearest comparison costs.
type passwords struct {
	maxCost int // of bcrypt; 0 if all passwords are plain
}

func (ps *passwords) add(s Secret) (password, error) {
	p, err := newPassword(s)
	ps.maxCost = max(ps.maxCost, p.cost)
	return p, err
}

// check compares. When that fails it has cost as much as any other failure.
func (ps *passwords) check(p *password, given string) bool {
	if p.matches(given) && p != &nobody {
		return true
	}
	for _, cost := range ps.padding(p) {
		// Only the time counts.
		_ = bcrypt.CompareHashAndPassword([]byte(wasteHash(cost)), []byte(given))
	}
	return false
}

// padding is what to compare with hashes of, after p, for the sum to be that of the dearest hash. One of cost n takes 2^n
// rounds, and 2^n + 2^n + 2^(n+1) + ... + 2^(max-1) is 2^max.
func (ps *passwords) padding(p *password) (costs []int) {
	if p.cost == 0 && ps.maxCost > 0 {
		return []int{ps.maxCost}
	}
	for cost := p.cost; cost < ps.maxCost; cost++ {
		costs = append(costs, cost)
	}
	return costs
}

// wasteHash is a hash of that cost, of nothing that anybody knows.
func wasteHash(cost int) string { return fmt.Sprintf("$2a$%02d$%053d", cost, 0) }
