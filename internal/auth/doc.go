// Package auth decides who somebody is and what they may do.
//
// An Authenticator is made of a Config and turns a Request, which is all that a connection says and shows
// about itself, into an Identity or an *Error. It is immutable, so a reload makes another one; it asks
// neither network nor clock. What it costs to be refused does not tell whether the user exists.
//
// Rights are a user's permissions in a form that is quick to ask. They are immutable and shared by all
// connections of the user. A Guard applies them to one connection: it remembers verdicts about subjects,
// and which requests the connection may still answer.
//
// The order in which credentials count, the texts, and the corners of wildcards are those of a stock
// server, each tried on one; docs/decisions 143 to 145 say where they are not.
package auth
