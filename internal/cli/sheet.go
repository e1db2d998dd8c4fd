package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// sheet is output that consists of sections with a value per line, as what the nats tool says about a stream:
//
//	Limits:
//
//	   Maximum Messages: 100,000
//	      Maximum Bytes: unlimited
type sheet struct {
	lines []sheetLine
}

type sheetLine struct {
	label, value string
	title        bool
}

// section opens a new part of the sheet.
func (s *sheet) section(title string) {
	s.lines = append(s.lines, sheetLine{label: title, title: true})
}

// row adds a value with its label.
func (s *sheet) row(label string, value any) {
	s.lines = append(s.lines, sheetLine{label: label, value: fmt.Sprint(value)})
}

// rowUnless adds a row unless its value is the zero value of its type.
func rowUnless[T comparable](s *sheet, label string, value T) {
	var zero T
	if value != zero {
		s.row(label, value)
	}
}

// rows adds a line for each of several values, with the label at the first.
func (s *sheet) rows(label string, values []string) {
	for i, v := range values {
		line := sheetLine{label: label, value: v}
		if i > 0 {
			line.label = ""
		}
		s.lines = append(s.lines, line)
	}
}

// String aligns all labels at their ends. A section without rows is left out.
func (s *sheet) String() string {
	width := 0
	for _, l := range s.lines {
		if !l.title {
			width = max(width, utf8.RuneCountInString(l.label))
		}
	}
	var b strings.Builder
	for i, l := range s.lines {
		last := i+1 == len(s.lines)
		switch {
		case l.title && (last || s.lines[i+1].title):
		case l.title && i == 0:
			fmt.Fprintf(&b, "%s:\n\n", l.label)
		case l.title:
			fmt.Fprintf(&b, "\n%s:\n\n", l.label)
		case l.label == "":
			fmt.Fprintf(&b, "  %*s  %s\n", width, "", l.value)
		default:
			fmt.Fprintf(&b, "  %s%s: %s\n", strings.Repeat(" ", width-utf8.RuneCountInString(l.label)), l.label, l.value)
		}
	}
	return b.String()
}
