// Package header reads and writes the header block of a NATS message, as it travels: without maps,
// without copies.
//
//	NATS/1.0[ <status>[ <description>]]\r\n
//	<key>: <value>\r\n        any number of fields; keys keep their case and may repeat
//	\r\n
//
// The server passes blocks on as they came, well formed or not, so reading is lenient: what is no field
// is skipped. Keys are compared byte by byte; the value is without the blanks around it. Slices that
// readers return point into the block. Writers append to the caller's buffer, which must not overlap the
// block that they read, and what they write ends with the empty line; other lines stay as they were, in
// their order.
package header

import (
	"bytes"
	"iter"
	"strconv"
)

const (
	version = "NATS/1.0"
	crlf    = "\r\n"
)

// Fields yields keys and values in their order.
func Fields(block []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for line := range lines(block) {
			if key, value, ok := split(line); ok && !yield(key, value) {
				return
			}
		}
	}
}

// All yields the values of key in their order.
func All(block []byte, key string) iter.Seq[[]byte] {
	return func(yield func(value []byte) bool) {
		for k, value := range Fields(block) {
			if string(k) == key && !yield(value) {
				return
			}
		}
	}
}

// Get returns the first value of key, nil when there is none. It is not nil when it is there but empty.
func Get(block []byte, key string) []byte {
	for value := range All(block, key) {
		return value
	}
	return nil
}

// Status returns what the first line says; the code is 0 when it says nothing or is not understood.
func Status(block []byte) (code int, description []byte) {
	first, _, _ := bytes.Cut(block, []byte(crlf))
	said, ok := bytes.CutPrefix(first, []byte(version+" "))
	if !ok {
		return 0, nil
	}
	digits, description, _ := bytes.Cut(bytes.TrimLeft(said, " "), []byte(" "))
	if len(digits) != 3 {
		return 0, nil
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, nil
		}
		code = code*10 + int(c-'0')
	}
	return code, trim(description)
}

// Valid reports whether block is exactly as the grammar says: version, fields with keys of printable
// characters without space, one empty line at the end.
func Valid(block []byte) bool {
	first, rest, ok := bytes.Cut(block, []byte(crlf))
	if !ok || !bytes.HasPrefix(first, []byte(version)) || bytes.ContainsAny(first, crlf) {
		return false
	}
	if said := first[len(version):]; len(said) > 0 {
		if code, _ := Status(block); said[0] != ' ' || code == 0 {
			return false
		}
	}
	for {
		line, tail, ok := bytes.Cut(rest, []byte(crlf))
		if !ok {
			return false
		}
		if len(line) == 0 {
			return len(tail) == 0
		}
		key, _, ok := split(line)
		if !ok || bytes.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == 0x7f }) || bytes.ContainsAny(line, crlf) {
			return false
		}
		rest = tail
	}
}

// lines yields the complete lines between the first and the empty one.
func lines(block []byte) iter.Seq[[]byte] {
	return func(yield func(line []byte) bool) {
		_, rest, ok := bytes.Cut(block, []byte(crlf))
		for ok {
			var line []byte
			line, rest, ok = bytes.Cut(rest, []byte(crlf))
			if !ok || len(line) == 0 || !yield(line) {
				return
			}
		}
	}
}

// split takes a line apart; it reports false when the line is no field.
func split(line []byte) (key, value []byte, ok bool) {
	key, value, ok = bytes.Cut(line, []byte(":"))
	if !ok || len(key) == 0 {
		return nil, nil, false
	}
	return key, trim(value), true
}

// trim cuts blanks off both ends; what is left of a slice is never nil.
func trim(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// AppendStart appends the first line of a block. Fields and End follow.
func AppendStart(dst []byte) []byte { return append(dst, version+crlf...) }

// AppendStatus appends the first line of a block with a status code of three digits and, when it is not
// empty, a description. Fields and End follow.
func AppendStatus(dst []byte, code int, description string) []byte {
	dst = append(dst, version+" "...)
	dst = strconv.AppendInt(dst, int64(code), 10)
	if description != "" {
		dst = append(dst, ' ')
		dst = append(dst, description...)
	}
	return append(dst, crlf...)
}

// AppendField appends a field. Line ends in the value become spaces: a value cannot forge a field.
func AppendField[V string | []byte](dst []byte, key string, value V) []byte {
	dst = append(dst, key...)
	dst = append(dst, ": "...)
	start := len(dst)
	dst = append(dst, value...)
	for i, c := range dst[start:] {
		if c == '\r' || c == '\n' {
			dst[start+i] = ' '
		}
	}
	return append(dst, crlf...)
}

// AppendEnd appends the empty line that ends a block.
func AppendEnd(dst []byte) []byte { return append(dst, crlf...) }

// Add appends block to dst with one more field at its end. An empty block becomes one with that field.
func Add[V string | []byte](dst, block []byte, key string, value V) []byte {
	dst = appendFirst(dst, block)
	for line := range lines(block) {
		dst = appendLine(dst, line)
	}
	return AppendEnd(AppendField(dst, key, value))
}

// Set appends block to dst with value as the only value of key: in the place of its first field, at the
// end when it had none.
func Set[V string | []byte](dst, block []byte, key string, value V) []byte {
	dst = appendFirst(dst, block)
	found := false
	for line := range lines(block) {
		if !isField(line, key) {
			dst = appendLine(dst, line)
		} else if !found {
			dst, found = AppendField(dst, key, value), true
		}
	}
	if !found {
		dst = AppendField(dst, key, value)
	}
	return AppendEnd(dst)
}

// Delete appends block to dst without the fields of key. An empty block becomes one without fields.
func Delete(dst, block []byte, key string) []byte {
	dst = appendFirst(dst, block)
	for line := range lines(block) {
		if !isField(line, key) {
			dst = appendLine(dst, line)
		}
	}
	return AppendEnd(dst)
}

// isField reports whether line is a field of key.
func isField(line []byte, key string) bool {
	k, _, ok := split(line)
	return ok && string(k) == key
}

// appendFirst appends the first line of block, or a plain one when block is empty.
func appendFirst(dst, block []byte) []byte {
	if len(block) == 0 {
		return AppendStart(dst)
	}
	first, _, _ := bytes.Cut(block, []byte(crlf))
	return appendLine(dst, first)
}

func appendLine(dst, line []byte) []byte {
	return append(append(dst, line...), crlf...)
}
