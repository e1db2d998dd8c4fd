package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// interactive reports whether somebody is there who can be asked.
func (c *console) interactive() bool { return isTerminal(c.in) }

// confirm asks a question unless it is forced; any answer but yes is an error.
func (c *console) confirm(force bool, question string, args ...any) error {
	switch {
	case force:
		return nil
	case !c.interactive():
		return errors.New("use --force where nobody can be asked")
	}
	yes, err := c.askYes(fmt.Sprintf(question, args...), false)
	if err == nil && !yes {
		err = errors.New("not confirmed")
	}
	return err
}

// askYes asks a question that is answered with yes or no, for which nothing stands as well.
func (c *console) askYes(question string, preset bool) (bool, error) {
	choices := "y/N"
	if preset {
		choices = "Y/n"
	}
	fmt.Fprintf(c.err, "%s (%s) ", question, choices)
	answer, err := c.line()
	if err != nil {
		return false, err
	}
	switch answer = strings.ToLower(answer); {
	case answer == "":
		return preset, nil
	default:
		return strings.HasPrefix(answer, "y"), nil
	}
}

// ask asks for a line of text; an empty answer means the preset one. Where nobody can be asked, the error names what to
// give instead: a flag or an argument.
func (c *console) ask(question, preset, instead string) (string, error) {
	if !c.interactive() {
		return "", missing(question, instead)
	}
	if preset != "" {
		fmt.Fprintf(c.err, "%s [%s]: ", question, preset)
	} else {
		fmt.Fprintf(c.err, "%s: ", question)
	}
	answer, err := c.line()
	if err != nil || answer != "" {
		return answer, err
	}
	return preset, nil
}

// choose asks for one of several options, by its number or its name; an empty answer means the preset one, unless that
// is empty. It asks again after an answer that is none of them.
func (c *console) choose(question string, options []string, preset, instead string) (string, error) {
	if !c.interactive() {
		return "", missing(question, instead)
	}
	for i, option := range options {
		fmt.Fprintf(c.err, "  %d) %s\n", i+1, option)
	}
	for {
		answer, err := c.ask(question, preset, instead)
		if err != nil {
			return "", err
		}
		if slices.Contains(options, answer) {
			return answer, nil
		}
		if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(options) {
			return options[n-1], nil
		}
		fmt.Fprintf(c.err, "  a number from 1 to %d or one of the names, please\n", len(options))
	}
}

// question is what a person is asked unless a flag says it.
type question struct {
	flag    string // without dashes
	text    string
	preset  string
	options []string // or nil for free text
}

// answer asks until take takes the answer. It is not called with an empty one, which says nothing.
func (c *console) answer(q question, take func(answer string) error) error {
	for {
		var answer string
		var err error
		if q.options != nil {
			answer, err = c.choose(q.text, q.options, q.preset, "--"+q.flag)
		} else {
			answer, err = c.ask(q.text, q.preset, "--"+q.flag)
		}
		if err != nil || answer == "" {
			return err
		}
		if err = take(answer); err == nil {
			return nil
		}
		fmt.Fprintf(c.err, "  %v\n", err)
	}
}

// missing says what a command line lacks. The question is what would be asked for on a terminal.
func missing(question, instead string) error {
	return fmt.Errorf("%s is missing: give %s, since nobody can be asked here",
		strings.ToLower(question[:1])+question[1:], instead)
}

// line reads one line, and not a byte more: what follows is the next answer.
func (c *console) line() (string, error) {
	var text []byte
	for b := make([]byte, 1); ; {
		n, err := c.in.Read(b)
		switch {
		case n == 1 && b[0] == '\n':
			return strings.TrimSpace(string(text)), nil
		case n == 1:
			text = append(text, b[0])
		case err == io.EOF:
			return "", errors.New("the input ended before an answer")
		case err != nil:
			return "", err
		}
	}
}
