package meta

import (
	"slices"
	"strings"

	"myelin/internal/subject"
)

// patterns are the subjects of an account's streams, as a tree with one level per token, which finds
// whether a pattern overlaps with one of them. A search visits no node twice, and only those that its
// tokens lead to; all of the patterns only where it has wildcards.
type patterns struct{ root node }

// node is what follows a common prefix of tokens. An owner is the group of a stream, 0 for none.
type node struct {
	token string
	owner uint64 // of the pattern that ends here
	rest  uint64 // of the pattern that ends with a `>` after this
	star  *node
	few   []*node          // the other tokens, while they are at most maxFew
	many  map[string]*node // when they are more
}

const (
	one    = "*"
	rest   = ">"
	maxFew = 4
)

// set makes owner that of the pattern. The tree keeps the string.
func (p *patterns) set(pattern string, owner uint64) {
	n := &p.root
	for {
		token, tail, more := strings.Cut(pattern, ".")
		if token == rest && !more {
			n.rest = owner
			return
		}
		child := n.child(token)
		if child == nil {
			child = n.grow(token)
		}
		if !more {
			child.owner = owner
			return
		}
		n, pattern = child, tail
	}
}

// remove takes the pattern out, and the nodes that lead nowhere then.
func (p *patterns) remove(pattern string) { p.root.remove(pattern) }

func (n *node) remove(pattern string) {
	token, tail, more := strings.Cut(pattern, ".")
	if token == rest && !more {
		n.rest = 0
		return
	}
	child := n.child(token)
	if child == nil {
		return
	}
	if more {
		child.remove(tail)
	} else {
		child.owner = 0
	}
	if child.empty() {
		n.drop(child)
	}
}

func (n *node) empty() bool {
	return n.owner == 0 && n.rest == 0 && n.star == nil && len(n.few) == 0 && len(n.many) == 0
}

func (n *node) child(token string) *node {
	if token == one {
		return n.star
	}
	for _, c := range n.few {
		if c.token == token {
			return c
		}
	}
	return n.many[token]
}

func (n *node) grow(token string) *node {
	c := &node{token: token}
	switch {
	case token == one:
		n.star = c
	case n.many != nil:
		n.many[token] = c
	case len(n.few) < maxFew:
		n.few = append(n.few, c)
	default:
		n.many = map[string]*node{token: c}
		for _, other := range n.few {
			n.many[other.token] = other
		}
		n.few = nil
	}
	return c
}

func (n *node) drop(c *node) {
	if c == n.star {
		n.star = nil
		return
	}
	delete(n.many, c.token)
	n.few = slices.DeleteFunc(n.few, func(other *node) bool { return other == c })
}

// overlaps reports whether a pattern of an owner other than this one has literal subjects in common with
// the given one.
func (p *patterns) overlaps(pattern string, owner uint64) bool {
	return p.root.overlaps(pattern, owner)
}

func (n *node) overlaps(pattern string, owner uint64) bool {
	if n.rest != 0 && n.rest != owner {
		return true
	}
	token, tail, more := strings.Cut(pattern, ".")
	if token == rest && !more {
		return n.any(func(c *node) bool { return c.occupied(owner) })
	}
	meets := func(c *node) bool {
		if more {
			return c.overlaps(tail, owner)
		}
		return c.owner != 0 && c.owner != owner
	}
	if token == one {
		return n.any(meets)
	}
	if n.star != nil && meets(n.star) {
		return true
	}
	c := n.child(token)
	return c != nil && meets(c)
}

// any reports whether a child is as wanted. Nothing else follows from it, so the order does not matter.
func (n *node) any(wanted func(*node) bool) bool {
	if n.star != nil && wanted(n.star) || slices.ContainsFunc(n.few, wanted) {
		return true
	}
	for _, c := range n.many {
		if wanted(c) {
			return true
		}
	}
	return false
}

// occupied reports whether another owner has a pattern that ends here or further down.
func (n *node) occupied(owner uint64) bool {
	if n.owner != 0 && n.owner != owner || n.rest != 0 && n.rest != owner {
		return true
	}
	return n.any(func(c *node) bool { return c.occupied(owner) })
}

// free reports whether owner may have the subjects.
func (p *patterns) free(subjects []string, owner uint64) bool {
	return !slices.ContainsFunc(subjects, func(s string) bool { return p.overlaps(s, owner) })
}

// valid is what a set of subjects must be for the tree.
func valid(subjects []string) bool {
	return !slices.ContainsFunc(subjects, func(s string) bool { return !subject.ValidPattern(s) })
}
