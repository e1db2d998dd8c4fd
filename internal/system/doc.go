// Package system is the guest by which the server tells of itself in the system account: events about connections and
// accounts, its state every few seconds, and answers to requests for what the monitoring pages show.
//
// Every other account sees a few of those requests too, about itself only. They are subscriptions in that account, so that
// nothing that a tenant says leads into another's.
//
// Whoever publishes to the server only puts a copy of the request into a queue; one goroutine, there while there is
// something to do, works on requests and events in their order. What is asked too often is dropped. An event that nobody
// listens for is not even described.
package system
