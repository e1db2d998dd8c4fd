package cli

import (
	"errors"
	"strings"
)

// splitWords splits a command line into words the way a shell does: blanks separate, quotes of both kinds and the
// backslash join. A template action {{...}} outside of quotes stays in one piece, whatever blanks it holds.
func splitWords(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r\n")
		if line == "" {
			break
		}
		word, rest, err := cutWord(line)
		if err != nil {
			return nil, err
		}
		words, line = append(words, word), rest
	}
	if len(words) == 0 {
		return nil, errors.New("the command is empty")
	}
	return words, nil
}

// cutWord takes the first word off a line that does not begin with a blank.
func cutWord(line string) (word, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(line); {
		part, length, err := unquote(line[i:])
		switch {
		case err != nil:
			return "", "", err
		case length == 0:
			return b.String(), line[i:], nil
		}
		b.WriteString(part)
		i += length
	}
	return b.String(), "", nil
}

// unquote reads the next piece of a word: what it means and how long it is. The length is 0 at a blank.
func unquote(s string) (part string, length int, err error) {
	switch {
	case strings.ContainsRune(" \t\r\n", rune(s[0])):
		return "", 0, nil
	case strings.HasPrefix(s, "{{"):
		if end := strings.Index(s, "}}"); end > 0 {
			return s[:end+2], end + 2, nil
		}
		return "", 0, errors.New("the command has {{ without }}")
	case s[0] == '\'':
		if end := strings.IndexByte(s[1:], '\''); end >= 0 {
			return s[1 : 1+end], end + 2, nil
		}
		return "", 0, errors.New("the command has an unfinished quote")
	case s[0] == '"':
		return doubleQuoted(s)
	case s[0] == '\\' && len(s) > 1:
		return s[1:2], 2, nil
	}
	return s[:1], 1, nil
}

// doubleQuoted reads a quoted piece, in which a backslash keeps the next character from ending it.
func doubleQuoted(s string) (part string, length int, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), i + 1, nil
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`"\$`+"`", s[i+1]) >= 0:
			i++
		}
		b.WriteByte(s[i])
	}
	return "", 0, errors.New("the command has an unfinished quote")
}
