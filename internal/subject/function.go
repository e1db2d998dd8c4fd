package subject

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// What can be wrong with a transform. The texts are those of the stock server, where most of them are
// followed by the token at fault.
var (
	ErrInvalidSubject   = errors.New("invalid subject")
	ErrInvalidTransform = errors.New("invalid mapping destination: invalid transform")
	ErrUnknownFunction  = errors.New("invalid mapping destination: unknown function")
	ErrWildcardIndex    = errors.New("invalid mapping destination: wildcard index out of range")
	ErrTooFewArguments  = errors.New("invalid mapping destination: not enough arguments passed to the function")
	ErrTooManyArguments = errors.New("invalid mapping destination: too many arguments passed to the function")
	ErrArgument         = errors.New("invalid mapping destination: function argument is invalid or in the wrong format")
)

// operation is what one part of a destination does.
type operation uint8

const (
	opText      operation = iota // append fixed text
	opTail                       // append what the source's `>` stands for
	opToken                      // append a token
	opPartition                  // append a hash of tokens, or of the whole subject, modulo count
	opRandom                     // append a random number below count
	opSplit                      // split a token at each separator
	opSplitFromLeft
	opSplitFromRight
	opSliceFromLeft
	opSliceFromRight
	opLeft
	opRight
)

// function is a mapping function as it is written, {{name(arguments)}}.
type function struct {
	name  string // each capital may be written small
	op    operation
	parse func(p *part, args []string) error
}

var functions = []function{
	{"Wildcard", opToken, parseIndex},
	{"Partition", opPartition, parsePartition},
	{"Random", opRandom, parseRandom},
	{"Split", opSplit, parseIndexAndSeparator},
	{"SplitFromLeft", opSplitFromLeft, parseIndexAndSize},
	{"SplitFromRight", opSplitFromRight, parseIndexAndSize},
	{"SliceFromLeft", opSliceFromLeft, parseIndexAndSize},
	{"SliceFromRight", opSliceFromRight, parseIndexAndSize},
	{"Left", opLeft, parseIndexAndSize},
	{"Right", opRight, parseIndexAndSize},
}

// call finds name and arguments in a destination token; the arguments reach up to the last parenthesis.
var call = regexp.MustCompile(`\{\{\s*([A-Za-z]+)\s*\((.*)\)\s*\}\}`)

var comma = regexp.MustCompile(`,\s*`)

// isCall reports whether a destination token claims to be a function.
func isCall(token string) bool {
	return len(token) > len("{{}}") && strings.HasPrefix(token, "{{") && strings.HasSuffix(token, "}}")
}

// findFunction returns the function that token calls, with its arguments.
func findFunction(token string) (function, []string, bool) {
	if found := call.FindStringSubmatch(token); found != nil {
		for _, f := range functions {
			if namesFunction(found[1], f.name) {
				return f, comma.Split(found[2], -1), true
			}
		}
	}
	return function{}, nil, false
}

// namesFunction compares a name as written with a function's; only the function's capitals may be small.
func namesFunction(written, name string) bool {
	if len(written) != len(name) {
		return false
	}
	for i := range len(name) {
		capital := name[i] >= 'A' && name[i] <= 'Z'
		if written[i] != name[i] && !(capital && written[i] == name[i]|0x20) {
			return false
		}
	}
	return true
}

// parseCall turns a destination token into a part whose indexes still count wildcards.
func parseCall(token string) (part, error) {
	f, args, ok := findFunction(token)
	if !ok {
		return part{}, fmt.Errorf("%w in %s", ErrUnknownFunction, token)
	}
	p := part{op: f.op}
	if err := f.parse(&p, args); err != nil {
		return part{}, fmt.Errorf("%w in %s", err, token)
	}
	return p, nil
}

// parseReference parses $n, the short form of {{wildcard(n)}}.
func parseReference(token string) (part, bool) {
	digits, ok := strings.CutPrefix(token, "$")
	if !ok {
		return part{}, false
	}
	n, err := strconv.Atoi(digits)
	return part{op: opToken, tokens: []int{n}}, err == nil
}

func parseIndex(p *part, args []string) (err error) {
	if err := wantArguments(args, 1); err != nil {
		return err
	}
	p.tokens, err = parseIndexes(args)
	return err
}

// parsePartition reads the number of partitions and the tokens to hash; none means the whole subject.
func parsePartition(p *part, args []string) (err error) {
	if p.count, err = parseCount(args[0]); err != nil {
		return err
	}
	p.whole = len(args) == 1
	p.tokens, err = parseIndexes(args[1:])
	return err
}

// parseRandom reads the bound of the random number; one that is not positive always yields 0.
func parseRandom(p *part, args []string) (err error) {
	if len(args) != 1 {
		return ErrTooFewArguments
	}
	p.count, err = parseCount(args[0])
	p.count = uint32(max(0, int32(p.count)))
	return err
}

func parseIndexAndSeparator(p *part, args []string) (err error) {
	if err := wantArguments(args, 2); err != nil {
		return err
	}
	if strings.ContainsAny(args[1], " .") {
		return ErrArgument
	}
	p.text = []byte(args[1])
	p.tokens, err = parseIndexes(args[:1])
	return err
}

func parseIndexAndSize(p *part, args []string) (err error) {
	if err := wantArguments(args, 2); err != nil {
		return err
	}
	size, err := strconv.ParseInt(strings.Trim(args[1], " "), 10, 32)
	if err != nil {
		return ErrArgument
	}
	p.size = int(size)
	p.tokens, err = parseIndexes(args[:1])
	return err
}

// wantArguments checks for n arguments. A call with empty parentheses has none, not one that is empty.
func wantArguments(args []string, n int) error {
	switch {
	case len(args) < n || args[0] == "" && len(args) == 1:
		return ErrTooFewArguments
	case len(args) > n:
		return ErrTooManyArguments
	}
	return nil
}

func parseIndexes(args []string) ([]int, error) {
	indexes := make([]int, len(args))
	for i, arg := range args {
		n, err := strconv.Atoi(strings.Trim(arg, " "))
		if err != nil {
			return nil, ErrArgument
		}
		indexes[i] = n
	}
	return indexes, nil
}

// parseCount reads a number of at most 31 bits. A negative one counts in two's complement, as it does in
// the stock server.
func parseCount(arg string) (uint32, error) {
	n, err := strconv.Atoi(strings.Trim(arg, " "))
	if err != nil || n > math.MaxInt32 {
		return 0, ErrArgument
	}
	return uint32(n), nil
}
