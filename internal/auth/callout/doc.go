// Package callout asks services who somebody is.
//
// A server that leaves it to a service who may connect sends it what the connection says and shows, as claims that the server
// has signed, and gets back the claims of a user. This package speaks that protocol and checks what belongs to it: that an
// answer is about this connection, for this server, in time and from who may answer. What the claims of the user mean is decided
// by who has asked. Which bytes go where is the business of a Messenger.
package callout
