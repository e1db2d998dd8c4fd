package config

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// What an unquoted word can be, apart from a boolean. Anything else is a string, so that addresses, durations and
// names need no quotes.
var (
	integerWord  = regexp.MustCompile(`^(-?[0-9]+)((?i:[kmgtpe](?:b|i|ib)?)?)$`)
	floatWord    = regexp.MustCompile(`^-?[0-9]+\.[0-9]+$`)
	datetimeWord = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`)
	bcryptWord   = regexp.MustCompile(`^\$2[a-z]\$`)
)

// booleanWords are compared without regard to case.
var booleanWords = map[string]bool{"true": true, "yes": true, "on": true, "false": false, "no": false, "off": false}

// isVariable tells a word that names a variable. A password hash starts with a dollar sign, too.
func isVariable(word string) bool {
	return strings.HasPrefix(word, "$") && !bcryptWord.MatchString(word)
}

// interpret finds out what an unquoted word stands for.
func (l *lexer) interpret(t token) (any, error) {
	word := t.text
	if b, ok := booleanWords[strings.ToLower(word)]; ok {
		return b, nil
	}
	if m := integerWord.FindStringSubmatch(word); m != nil {
		n, ok := scaled(m[1], m[2])
		if !ok {
			return nil, l.fail(t.pos, "integer '%s' is out of the range", word)
		}
		return n, nil
	}
	if floatWord.MatchString(word) {
		f, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return nil, l.fail(t.pos, "float '%s' is out of the range", word)
		}
		return f, nil
	}
	if datetimeWord.MatchString(word) {
		at, err := time.Parse(time.RFC3339, word)
		if err != nil {
			return nil, l.fail(t.pos, "expected Zulu formatted DateTime, but got '%s'", word)
		}
		return at, nil
	}
	return l.unescape(word, t.pos)
}

// scaled multiplies digits by a unit: the bare letter counts by thousands, with anything after it by 1024.
func scaled(digits, unit string) (n int64, ok bool) {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, false
	}
	if unit == "" {
		return n, true
	}
	base := int64(1000)
	if len(unit) > 1 {
		base = 1024
	}
	for range 1 + strings.IndexByte("kmgtpe", unit[0]|0x20) {
		if n > math.MaxInt64/base || n < math.MinInt64/base {
			return 0, false
		}
		n *= base
	}
	return n, true
}

// escapes are the escape sequences of one letter.
var escapes = map[byte]byte{'t': '\t', 'n': '\n', 'r': '\r', '"': '"', '\\': '\\'}

// unescape replaces the escape sequences of a string that begins at pos.
func (l *lexer) unescape(s string, pos Pos) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		c, size, err := l.escape(s[i+1:], pos)
		if err != nil {
			return "", err
		}
		out = append(out, c)
		i += size
	}
	return string(out), nil
}

// escape reads what comes after a backslash: the character that it means, and its size in the text.
func (l *lexer) escape(s string, pos Pos) (c byte, size int, err error) {
	if s == "" {
		return 0, 0, l.fail(pos, "a backslash at the end of a string escapes nothing")
	}
	if c, ok := escapes[s[0]]; ok {
		return c, 1, nil
	}
	if s[0] != 'x' {
		return 0, 0, l.fail(pos, `Invalid escape character %q. Only the following escape characters are allowed: `+
			`\xXX, \t, \n, \r, \", \\.`, s[0])
	}
	digits := s[1:min(3, len(s))]
	code, err := strconv.ParseUint(digits, 16, 8)
	if err != nil || len(digits) < 2 {
		return 0, 0, l.fail(pos, `Expected two hexadecimal digits after '\x', but got '%s'`, digits)
	}
	return byte(code), 3, nil
}
