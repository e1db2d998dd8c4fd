// Package post holds what the services of the blog agree on: the message, the
// subject on which it travels, and the name of the page that it becomes.
//
// post.pb.go is made from post.proto; it is committed, so that building the
// example takes nothing but Go.
package post

import (
	"errors"
	"strings"
	"unicode"
)

//go:generate protoc --go_out=. --go_opt=paths=source_relative post.proto

// Subject is where posts are published.
const Subject = "posts.publish"

// maxNameRunes keeps page names below what file systems take, in any script.
const maxNameRunes = 60

// ErrNoName is the error for a title from which no name can be made.
var ErrNoName = errors.New("the title has no letter and no digit")

// Name makes the name of a page from a title: its letters and digits in lower
// case, and one dash for each run of anything else in between. A name therefore
// has no dot and no slash, and never leads out of its folder.
func Name(title string) (string, error) {
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	name := []rune(strings.Join(words, "-"))
	if len(name) == 0 {
		return "", ErrNoName
	}
	if len(name) > maxNameRunes {
		name = name[:maxNameRunes]
	}
	return strings.TrimRight(string(name), "-"), nil
}
