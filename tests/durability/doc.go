// Package durability holds the tests of what the real binary keeps when it is
// killed without a warning, again and again, under load, and when its disk is
// full.
//
// Every stream has a ledger: what was published, what was acknowledged with
// which sequence number, what was asked to be removed and what of that was
// confirmed. After each crash the whole store is read back and held against the
// ledgers. What had no answer when the server died may have happened or not;
// what was answered has to be so for ever.
//
// Two of the streams have a consumer, whose clients note what they were given,
// what they acknowledged, and what of that was confirmed. For a work queue an
// acknowledgement is a removal. At the end of a history each consumer has to
// give all that is left.
//
// The moments and the load are drawn from a seed, but when the system stops a
// process is up to the system: a seed that fails need not fail again. SEEDS asks
// for more histories, SEED for a certain one.
//
// The server is told to sync before it acknowledges. A kill does not lose what
// the operating system has taken in, so that these tests pass also where the
// disk lies about that; losing power is for the tests beside the code, on an
// imagined disk.
package durability
