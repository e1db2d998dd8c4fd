package auth

// Judge decides who somebody is: an Authenticator does, or who reads JWTs. It may be used by many at a time. Whoever wants
// those who are inside to be asked again exchanges it for another, even if that decides in the same way.
type Judge interface {
	// Restricted reports whether anybody could be refused.
	Restricted() bool
	// Required reports whether a connection has to show credentials.
	Required() bool
	// NeedsNonce reports whether connections have to be told something to sign.
	NeedsNonce() bool
	// Costly reports whether to authenticate the request may take milliseconds of a processor.
	Costly(*Request) bool
	// Authenticate returns who the request is from, an *Error, or a *Question if a service has to be asked that. It may wait
	// for others, for a moment.
	Authenticate(*Request) (*Identity, error)
	// Stays returns who somebody is that another Judge let in, or an *Error if the same credentials would not let them in now.
	Stays(*Identity) (*Identity, error)
}
