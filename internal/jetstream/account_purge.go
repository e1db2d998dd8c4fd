package jetstream

import "myelin/internal/apierr"

// accountPurged answers who has asked for an account to be purged.
type accountPurged struct {
	envelope
	Initiated bool `json:"initiated"`
}

// accountPurge deletes all streams of an account. There may be none, or no account of that name: one that is gone
// from the configuration may have left some.
func (c *call) accountPurge(resp *accountPurged) *apierr.Error {
	a, account := c.door.api, string(token(c.request.verb, 2))
	told := &call{door: c.door, session: c.session}
	if owner := a.opt.Broker.Account(account); owner != nil {
		told.session = owner.Open(nil)
		defer told.session.Rest()
	}
	for _, s := range a.engine.Streams(account) {
		consumers := s.Consumers()
		if err := a.engine.Delete(account, s.Name()); err != nil {
			a.opt.Log.Errorf("Stream %s of account %s cannot be purged: %v", s.Name(), account, err)
			continue
		}
		told.consumersDeleted(s.Name(), consumers)
		told.streamAction("DELETED", "delete", s.Name())
	}
	told.session.Flush()
	resp.Initiated = true
	return nil
}
