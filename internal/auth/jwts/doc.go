// Package jwts says who somebody is by what operators have signed.
//
// An operator signs accounts, an account (or one of its signing keys) signs users, and a user signs the nonce of its
// connection. So a server that trusts an operator's key needs no list of users, and gets the claims of accounts from a
// Source when somebody of theirs comes.
//
// A service that accounts, or a configuration, leave it to who may connect says so by such claims, too: Service is the judge for
// a configuration.
//
// Trust is which operators count, Account what one of them has signed, ready to be asked who of its users is let in. Both are
// pure. Authority keeps the accounts that are in use and exchanges them when their claims change.
package jwts
