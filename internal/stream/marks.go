package stream

import (
	"bytes"
	"strings"
)

// markedTokens is how many tokens of a subject have marks.
const markedTokens = 4

// marks are those of the subjects of a chunk: a byte for each of the first tokens of a subject, which hashes it. So a pattern
// that says what one of these tokens is finds its subjects among very many by looking at one byte of each of them, and at one subject
// of 256.
type marks [markedTokens][entryChunk]byte

// set marks a subject. Where it has no token stands what stood there before.
func (m *marks) set(i int, text []byte) {
	for place := range m {
		token, rest, more := bytes.Cut(text, dot)
		m[place][i] = markOf(token)
		if text = rest; !more {
			return
		}
	}
}

var dot = []byte(".")

// markOf is FNV-1a, folded.
func markOf[T string | []byte](token T) byte {
	h := uint32(2166136261)
	for i := range len(token) {
		h = (h ^ uint32(token[i])) * 16777619
	}
	return byte(h ^ h>>8 ^ h>>16 ^ h>>24)
}

// wanted are the marks that the subjects of a pattern have.
type wanted struct {
	places [markedTokens]bool // where the pattern says what the token is
	marks  [markedTokens]byte
	last   int // of these places; -1: there is none
}

func wantedBy(pattern string) (w wanted) {
	w.last = -1
	for place, more := 0, true; place < markedTokens && more; place++ {
		var token string
		token, pattern, more = strings.Cut(pattern, ".")
		switch token {
		case ">":
			return w
		case "*":
		default:
			w.places[place], w.marks[place], w.last = true, markOf(token), place
		}
	}
	return w
}

// next is the first of the subjects from i to n that has the marks; n if there is none.
func (w *wanted) next(m *marks, i, n int) int {
	for {
		at := bytes.IndexByte(m[w.last][i:n], w.marks[w.last])
		if at < 0 {
			return n
		}
		if i += at; w.at(m, i) {
			return i
		}
		i++
	}
}

func (w *wanted) at(m *marks, i int) bool {
	for place, is := range w.places {
		if is && m[place][i] != w.marks[place] {
			return false
		}
	}
	return true
}

// like visits all subjects that a pattern with wildcards matches, and few others, in no order that means anything.
func (s *subjects) like(pattern string, visit func(id uint32, text []byte)) {
	w := wantedBy(pattern)
	for c := range s.entries {
		list, m := s.entries[c].list, s.entries[c].marks
		if m == nil || w.last < 0 {
			s.eachOf(c, visit)
			continue
		}
		for i := w.next(m, 0, len(list)); i < len(list); i = w.next(m, i+1, len(list)) {
			if e := &list[i]; e.messages > 0 {
				visit(uint32(c*entryChunk+i), s.texts.get(e.text, int(e.length)))
			}
		}
	}
}
