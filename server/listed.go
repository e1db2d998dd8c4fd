package server

import (
	"slices"

	"myelin/internal/broker"
)

// listed are the accounts that there are for those who look: one that a reload has taken away is not, though the broker keeps it
// for when it comes back.
func (s *Server) listed() []*broker.Account {
	accounts := s.broker.Accounts()
	if s.operators != nil {
		return accounts
	}
	c := s.config()
	known := map[string]bool{broker.DefaultAccount: true, c.System(): true}
	for _, a := range c.Auth.Accounts {
		known[a.Name] = true
	}
	return slices.DeleteFunc(accounts, func(a *broker.Account) bool { return !known[a.Name()] })
}
