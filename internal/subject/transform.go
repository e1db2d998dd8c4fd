package subject

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Transform rewrites the subjects that its source pattern stands for.
//
// The destination is a subject whose tokens may refer to what the source's wildcards stand for: $1 or
// {{wildcard(1)}} is the first `*`, a final `>` is the source's `>`, and the other functions cut, hash
// or number tokens. A Transform is immutable and safe for concurrent use.
type Transform struct {
	source source
	dest   string
	parts  []part
}

// source is the compiled pattern of a transform or mapping.
type source struct {
	pattern string
	tokens  []string // without a final `>`
	open    bool     // the pattern ends with `>`
}

// part is one step in writing a mapped subject.
type part struct {
	op     operation
	text   []byte // opText: what to append; opSplit: the separator
	count  uint32 // opPartition, opRandom: the number of values
	whole  bool   // opPartition: hash the whole subject instead of tokens
	size   int    // the cutting functions: bytes
	tokens []int  // while parsing: indexes of wildcards; then: positions of tokens in the subject
}

// NewTransform compiles a transform; an error says what is wrong with the destination.
func NewTransform(src, dest string) (*Transform, error) {
	if err := checkDestination(dest); err != nil {
		return nil, err
	}
	t := &Transform{source: newSource(src), dest: dest}
	if !ValidPattern(src) || hasStar(dest) || t.source.open != endsOpen(dest) {
		return nil, ErrInvalidSubject
	}
	if err := t.compile(); err != nil {
		return nil, err
	}
	return t, nil
}

// Source is the pattern of the subjects that the transform applies to.
func (t *Transform) Source() string { return t.source.pattern }

// Dest is the destination as it was written.
func (t *Transform) Dest() string { return t.dest }

func newSource(pattern string) source {
	s := source{pattern: pattern, tokens: strings.Split(pattern, ".")}
	if last := len(s.tokens) - 1; s.tokens[last] == rest {
		s.tokens, s.open = s.tokens[:last], true
	}
	return s
}

// checkDestination finds what is wrong with a destination by itself.
func checkDestination(dest string) error {
	ended := false
	for token := range strings.SplitSeq(dest, ".") {
		switch {
		case isCall(token):
			if _, _, ok := findFunction(token); !ok {
				return fmt.Errorf("%w in %s", ErrUnknownFunction, token)
			}
		case token == "" || strings.ContainsAny(token, " \t\n\r\f"):
			return ErrInvalidTransform
		}
		if ended {
			return fmt.Errorf("%w in %s", ErrInvalidTransform, token)
		}
		ended = token == rest
	}
	return nil
}

func hasStar(dest string) bool {
	for token := range strings.SplitSeq(dest, ".") {
		if token == one {
			return true
		}
	}
	return false
}

func endsOpen(dest string) bool { return dest == rest || strings.HasSuffix(dest, "."+rest) }

// compile turns the destination into parts; neighbouring plain tokens and dots become one text.
func (t *Transform) compile() error {
	var text []byte
	for i, token := range strings.Split(t.dest, ".") {
		if i > 0 {
			text = append(text, separator)
		}
		p, err := t.compileToken(token)
		if err != nil {
			return err
		}
		if p.op == opText {
			text = append(text, token...)
			continue
		}
		t.addText(text)
		t.parts, text = append(t.parts, p), nil
	}
	t.addText(text)
	return nil
}

func (t *Transform) addText(text []byte) {
	if len(text) > 0 {
		t.parts = append(t.parts, part{op: opText, text: text})
	}
}

func (t *Transform) compileToken(token string) (p part, err error) {
	if token == rest {
		return part{op: opTail}, nil
	}
	if isCall(token) {
		if p, err = parseCall(token); err != nil {
			return part{}, err
		}
	} else if reference, ok := parseReference(token); ok {
		p = reference
	}
	if p.op == opText || p.op == opRandom {
		return p, nil
	}
	return t.locate(p, token)
}

// locate replaces the indexes of wildcards in p by the positions of their tokens in the subject.
//
// Two things are as the stock server has them: an index below 1 means the subject's first token, and
// with a source that has no wildcards a partition is that of no bytes at all.
func (t *Transform) locate(p part, token string) (part, error) {
	var stars []int
	for i, s := range t.source.tokens {
		if s == one {
			stars = append(stars, i)
		}
	}
	if len(stars) == 0 && !t.source.open {
		if p.op != opPartition {
			return part{}, fmt.Errorf("%w in %s", ErrWildcardIndex, token)
		}
		p.tokens, p.whole = nil, false
	}
	for i, index := range p.tokens {
		switch {
		case index > len(stars):
			return part{}, fmt.Errorf("%w in %s: [%d]", ErrWildcardIndex, token, index)
		case index < 1:
			p.tokens[i] = 0
		default:
			p.tokens[i] = stars[index-1]
		}
	}
	return p, nil
}

// Apply appends what subject is mapped to to dst; it reports false, and appends nothing, when the source
// does not match. It keeps neither slice. rnd returns a number below n, for {{random(n)}}.
//
// The result can be a subject that nobody may publish to, when a token consists of separators only; as
// such it matches no subscription.
func (t *Transform) Apply(dst, subject []byte, rnd func(n uint32) uint32) ([]byte, bool) {
	var room [16][]byte // on the stack; a longer pattern allocates
	tokens, tail, ok := t.source.match(subject, room[:0])
	if !ok {
		return dst, false
	}
	for i := range t.parts {
		switch p := &t.parts[i]; p.op {
		case opText:
			dst = append(dst, p.text...)
		case opTail:
			dst = append(dst, tail...)
		case opPartition:
			dst = strconv.AppendUint(dst, uint64(p.partition(subject, tokens)), 10)
		case opRandom:
			n := uint32(0)
			if p.count > 0 {
				n = rnd(p.count)
			}
			dst = strconv.AppendUint(dst, uint64(n), 10)
		default:
			dst = p.appendToken(dst, tokens[p.tokens[0]])
		}
	}
	return dst, true
}

// random reports whether the same subject may be mapped to another one each time.
func (t *Transform) random() bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.op == opRandom })
}

// match appends the tokens that the pattern covers to tokens, the first one at least, and returns what
// follows them. A `*` stands for no empty token; what a `>` stands for is not looked at.
func (s *source) match(subject []byte, tokens [][]byte) (_ [][]byte, tail []byte, ok bool) {
	tail, more := subject, true
	for _, want := range s.tokens {
		if !more {
			return nil, nil, false
		}
		var token []byte
		token, tail, more = bytes.Cut(tail, []byte{separator})
		if want != string(token) && (want != one || len(token) == 0) {
			return nil, nil, false
		}
		tokens = append(tokens, token)
	}
	if len(tokens) == 0 {
		tokens = append(tokens, FirstToken(subject))
	}
	return tokens, tail, more == s.open
}

// partition hashes the chosen tokens without anything between them, or the whole subject, by FNV-1a of
// 32 bits.
func (p *part) partition(subject []byte, tokens [][]byte) uint32 {
	if p.count == 0 {
		return 0
	}
	hash := uint32(2166136261)
	if p.whole {
		return fnv1a(hash, subject) % p.count
	}
	for _, i := range p.tokens {
		hash = fnv1a(hash, tokens[i])
	}
	return hash % p.count
}

func fnv1a(hash uint32, data []byte) uint32 {
	for _, c := range data {
		hash = (hash ^ uint32(c)) * 16777619
	}
	return hash
}

// appendToken appends token as the part's function cuts it; a size that does not fit leaves it whole.
func (p *part) appendToken(dst, token []byte) []byte {
	if p.op == opSplit {
		return appendSplit(dst, token, p.text)
	}
	if p.op == opToken || p.size <= 0 || p.size >= len(token) {
		return append(dst, token...)
	}
	switch p.op {
	case opLeft:
		return append(dst, token[:p.size]...)
	case opRight:
		return append(dst, token[len(token)-p.size:]...)
	case opSplitFromLeft:
		return appendSlices(dst, token, p.size, len(token))
	case opSplitFromRight:
		return appendSlices(dst, token, len(token)-p.size, len(token))
	case opSliceFromLeft:
		return appendSlices(dst, token, p.size, p.size)
	default: // opSliceFromRight
		return appendSlices(dst, token, (len(token)-1)%p.size+1, p.size)
	}
}

// appendSlices appends token as tokens of size bytes each, the first of them of another size. The last
// one is what is left.
func appendSlices(dst, token []byte, first, size int) []byte {
	dst = append(dst, token[:first]...)
	for token = token[first:]; len(token) > 0; token = token[min(size, len(token)):] {
		dst = append(dst, separator)
		dst = append(dst, token[:min(size, len(token))]...)
	}
	return dst
}

// appendSplit appends the non-empty pieces of token between separators as tokens; an empty separator
// splits after each UTF-8 sequence.
func appendSplit(dst, token, sep []byte) []byte {
	start := len(dst)
	for len(token) > 0 {
		var piece []byte
		if len(sep) == 0 {
			_, n := utf8.DecodeRune(token)
			piece, token = token[:n], token[n:]
		} else {
			piece, token, _ = bytes.Cut(token, sep)
		}
		if len(piece) == 0 {
			continue
		}
		if len(dst) > start {
			dst = append(dst, separator)
		}
		dst = append(dst, piece...)
	}
	return dst
}
