package wire

import "bytes"

const flowPrefix = "$JS.FC."

// FlowSubject is what the reply subject of a flow-control request says:
//
//	$JS.FC.<stream>.<consumer>.<token>
//	$JS.FC.<domain>.<account>.<stream>.<consumer>.<token>
type FlowSubject struct {
	Domain, Account         []byte // nil in the first form
	Stream, Consumer, Token []byte
}

const (
	flowDots       = 2 // of the first form, behind the prefix
	scopedFlowDots = 4
)

// ParseFlowSubject reads a subject of either form. Slices point into subject.
func ParseFlowSubject(subject []byte) (f FlowSubject, ok bool) {
	rest, ok := bytes.CutPrefix(subject, []byte(flowPrefix))
	if !ok {
		return f, false
	}
	switch bytes.Count(rest, []byte(".")) {
	case flowDots:
	case scopedFlowDots:
		f.Domain, rest = cutToken(rest)
		f.Account, rest = cutToken(rest)
		if len(f.Domain) == 0 || len(f.Account) == 0 {
			return FlowSubject{}, false
		}
	default:
		return f, false
	}
	f.Stream, rest = cutToken(rest)
	f.Consumer, f.Token = cutToken(rest)
	if len(f.Stream) == 0 || len(f.Consumer) == 0 || len(f.Token) == 0 {
		return FlowSubject{}, false
	}
	return f, true
}

// AppendFlowPrefix appends what the flow-control subjects of a consumer begin with, with the last dot. A token
// ends them.
func AppendFlowPrefix(dst []byte, scope Scope, stream, consumer string) []byte {
	return appendNames(append(dst, flowPrefix...), scope, stream, consumer)
}
