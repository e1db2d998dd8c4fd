package server

import (
	"encoding/json"
	"time"
)

// requestor is who sends a request, for an account that answers it: of others' connections it learns no more.
type requestor struct {
	Account string        `json:"acc,omitempty"`
	Service string        `json:"svc,omitempty"` // the account that the request came by, if that is another
	RTT     time.Duration `json:"rtt,omitempty"`
}

// introduce is a broker.Introducer.
func (s *Server) introduce(dst []byte, cid uint64, importer string, full bool) []byte {
	guest, ok := s.registry.Get(cid)
	if !ok {
		return dst
	}
	c := guest.Describe()
	var who any
	if full {
		shown := s.clientOf(cid)
		if shown != nil && c.Claims != nil {
			shown.JWT = c.Claims.JWT
		}
		who = shown
	} else {
		r := requestor{Account: c.Account, RTT: c.RTT}
		if importer != c.Account {
			r.Service = importer
		}
		who = r
	}
	text, err := json.Marshal(who)
	if err != nil { // there is nothing in it that could not be written
		return dst
	}
	return append(dst, text...)
}
