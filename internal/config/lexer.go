package config

import (
	"fmt"
	"strings"
)

// lexer cuts text into tokens. What a character means depends on which side of a separator it stands, so there
// are two ways to ask: key and value. A token ends where the lexer then stands.
type lexer struct {
	file  string
	text  string
	off   int // of the next byte
	line  int // it is in, from 1
	start int // offset of that line's first byte
}

// token is a piece of text with its place. Its kind is the character that it begins with, or one of the kinds.
type token struct {
	kind tokenKind
	text string // of the kinds
	pos  Pos
}

type tokenKind byte

const (
	tokenEnd    tokenKind = 0   // of the text
	tokenQuoted tokenKind = '"' // text in quotes of either kind, or a block
	tokenWord   tokenKind = 'w' // text without quotes, as it was written
)

// What ends an unquoted word, on the left and on the right of a separator.
const (
	keyEnds  = " \t\r\n:="
	wordEnds = " \t\r\n,;]}"
)

func (l *lexer) pos() Pos { return Pos{l.file, l.line, l.off - l.start + 1} }

// peek is the next byte, or 0 at the end: documents hold no zero byte.
func (l *lexer) peek() byte {
	if l.off == len(l.text) {
		return 0
	}
	return l.text[l.off]
}

// take moves over n bytes and returns them.
func (l *lexer) take(n int) string {
	s := l.text[l.off : l.off+n]
	l.off += n
	if breaks := strings.Count(s, "\n"); breaks > 0 {
		l.line += breaks
		l.start = l.off - len(s) + strings.LastIndexByte(s, '\n') + 1
	}
	return s
}

// skip moves over all bytes of a set.
func (l *lexer) skip(set string) {
	rest := l.text[l.off:]
	l.take(len(rest) - len(strings.TrimLeft(rest, set)))
}

// skipBlank moves over white space, line ends and comments.
func (l *lexer) skipBlank() {
	l.skip(" \t\r\n")
	for l.atComment() {
		rest := l.text[l.off:]
		if i := strings.IndexByte(rest, '\n'); i >= 0 {
			rest = rest[:i]
		}
		l.take(len(rest))
		l.skip(" \t\r\n")
	}
}

func (l *lexer) atComment() bool {
	rest := l.text[l.off:]
	return strings.HasPrefix(rest, "#") || strings.HasPrefix(rest, "//")
}

// key reads the name of a field, or a single character that stands in its place.
func (l *lexer) key() (token, error) {
	l.skipBlank()
	pos := l.pos()
	switch c := l.peek(); c {
	case 0:
		return token{kind: tokenEnd, pos: pos}, nil
	case '"', '\'':
		return l.raw(c)
	case '{', '}':
		return token{kind: tokenKind(l.take(1)[0]), pos: pos}, nil
	case ',', ';', ']', '[', '(', ')', ':', '=':
		return token{}, l.fail(pos, "expected the name of a field, but got '%c'", c)
	}
	return token{tokenWord, l.take(l.until(keyEnds)), pos}, nil
}

// raw reads text in quotes where a backslash means nothing: a name, or a value in single quotes. Its place is that of
// the text itself.
func (l *lexer) raw(quote byte) (token, error) {
	open := l.pos()
	l.take(1)
	pos := l.pos()
	end := strings.IndexByte(l.text[l.off:], quote)
	if end < 0 {
		return token{}, l.fail(open, "unexpected end of file: the quote %c is not closed", quote)
	}
	text := l.take(end)
	l.take(1)
	return token{tokenQuoted, text, pos}, nil
}

// separate moves from the name of a field to its value, and says whether there is an = or : in between.
func (l *lexer) separate() bool {
	l.skip(" \t\r\n")
	if c := l.peek(); c != '=' && c != ':' {
		return false
	}
	l.take(1)
	l.skip(" \t")
	return true
}

// value reads a string or a word, or a single character that begins or ends something else.
func (l *lexer) value() (token, error) {
	pos := l.pos()
	switch c := l.peek(); c {
	case 0:
		return token{}, l.fail(pos, "expected a value, but got the end of the file")
	case '\r', '\n':
		return token{}, l.fail(pos, "expected a value, but got a new line")
	case ',', ';', '}':
		return token{}, l.fail(pos, "expected a value, but got '%c'", c)
	case '{', '[', ']':
		return token{kind: tokenKind(l.take(1)[0]), pos: pos}, nil
	case '(':
		return l.block()
	case '"':
		return l.doubleQuoted()
	case '\'':
		return l.raw(c)
	}
	return l.word()
}

// word reads text without quotes.
func (l *lexer) word() (token, error) {
	pos := l.pos()
	n := l.until(wordEnds)
	if i := strings.IndexByte(l.text[l.off:l.off+n], '\''); i >= 0 {
		l.take(i)
		return token{}, l.fail(l.pos(), "a ' cannot stand inside of an unquoted string")
	}
	return token{tokenWord, l.take(n), pos}, nil
}

// doubleQuoted reads text in double quotes, which may go over several lines.
func (l *lexer) doubleQuoted() (token, error) {
	open := l.pos()
	l.take(1)
	pos := l.pos()
	n := 0
	for rest := l.text[l.off:]; ; n++ {
		i := strings.IndexAny(rest[n:], `"\`)
		if n += i; i < 0 || n+1 >= len(rest) && rest[n] == '\\' {
			return token{}, l.fail(open, "unexpected end of file: the quote \" is not closed")
		}
		if rest[n] == '"' {
			break
		}
		n++ // over what the backslash escapes
	}
	text, err := l.unescape(l.take(n), pos)
	l.take(1)
	return token{tokenQuoted, text, pos}, err
}

// block reads a string that goes from a parenthesis to the line that is nothing but a closing one. The line ends
// after the one and before the other belong to it.
func (l *lexer) block() (token, error) {
	pos := l.pos()
	l.take(1)
	for n, rest := 0, l.text[l.off:]; ; n++ {
		i := strings.Index(rest[n:], "\n)")
		if i < 0 {
			return token{}, l.fail(pos, "unexpected end of file: the block is not closed by a ')' on a line of its own")
		}
		n += i + 1
		after := strings.TrimPrefix(rest[n+1:], "\r")
		if after == "" || after[0] == '\n' {
			text := l.take(n)
			l.take(1)
			return token{tokenQuoted, text, pos}, nil
		}
	}
}

// until counts the bytes before the next of a set.
func (l *lexer) until(set string) int {
	rest := l.text[l.off:]
	if i := strings.IndexAny(rest, set); i >= 0 {
		return i
	}
	return len(rest)
}

// fail makes a syntax error.
func (l *lexer) fail(pos Pos, format string, args ...any) error {
	return &Error{pos, "Parse error: " + fmt.Sprintf(format, args...)}
}
