package wire

// Scope is what stands before the name of the stream in subjects of the second form. Its zero value stands for
// the first form.
type Scope struct {
	Domain  string // of JetStream; "" is written as "_"
	Account string // hash of the account's name; "" wants the first form
}

// appendScope appends what the scope puts before the stream's name.
func (s Scope) appendScope(dst []byte) []byte {
	if s.Account == "" {
		return dst
	}
	if s.Domain == "" {
		dst = append(dst, '_')
	}
	return append(append(append(append(dst, s.Domain...), '.'), s.Account...), '.')
}

func appendNames(dst []byte, scope Scope, stream, consumer string) []byte {
	dst = append(append(scope.appendScope(dst), stream...), '.')
	return append(append(dst, consumer...), '.')
}
