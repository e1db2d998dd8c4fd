package system

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"myelin/internal/auth/jwts"
	"myelin/internal/router"
)

// Claims are the JWTs of accounts, where operators sign them. Its methods are called by the worker, one at a time.
type Claims interface {
	// Lookup returns the JWT of an account; "" if it is not there.
	Lookup(account string) string
	// Update takes a JWT, which must be that of the account unless that is "", and returns of which account it is, as far as
	// that is known, and what was done.
	Update(account, token string) (of, done string, err error)
	// Accounts are those whose JWTs are there.
	Accounts() []string
	// Delete does what an operator has signed, and returns which, and how many accounts there were.
	Delete(request string) (operator string, accounts int, err error)
}

// claimKinds are the requests about JWTs: more of them where JWTs are kept, and all where all of them are.
func (g *Guest) claimKinds(kinds map[string]kind) {
	if g.opt.Claims == nil {
		return
	}
	kinds["$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE"] = updateKind{at: 3}
	kinds["$SYS.ACCOUNT.*.CLAIMS.UPDATE"] = updateKind{at: 2}
	if !g.opt.KeepsClaims {
		return
	}
	kinds["$SYS.REQ.CLAIMS.UPDATE"] = updateKind{}
	kinds["$SYS.REQ.CLAIMS.LIST"] = listKind{}
	if !g.opt.AllClaims {
		return
	}
	kinds["$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP"] = lookupKind{}
	kinds["$SYS.REQ.CLAIMS.PACK"] = packKind{}
	kinds["$SYS.REQ.CLAIMS.DELETE"] = deleteKind{}
}

// silent is a command: it may come without a reply subject.
type silent interface{ silent() }

// change is what became of a change.
type change struct {
	Account string `json:"account,omitempty"`
	Code    int    `json:"code"`
	Message string `json:"message,omitempty"`

	Description string `json:"description,omitempty"`
}

// changed is the answer to a change.
type changed struct {
	Server *Server `json:"server"`
	Data   *change `json:"data,omitempty"`
	Error  *change `json:"error,omitempty"`
}

const done = 200

// updateKind takes the JWT of an account that the subject names, or any if at is 0.
type updateKind struct{ at int }

func (updateKind) knows([]string) bool { return true }
func (updateKind) silent()             {}

func (k updateKind) answer(g *Guest, r *request) any {
	account := ""
	if k.at > 0 {
		account = r.subject[k.at]
	}
	of, message, err := g.opt.Claims.Update(account, string(r.body))
	if err != nil {
		if of == "" {
			of = "n/a"
		}
		what := "jwt update resulted in error"
		if errors.Is(err, jwts.ErrInvalid) {
			what = jwts.ErrInvalid.Error()
		}
		g.opt.Log.Errorf("%s - %s - %v", what, of, err)
		return &changed{Server: g.server(), Error: &change{Account: of, Code: failed, Description: what + " - " + err.Error()}}
	}
	return &changed{Server: g.server(), Data: &change{Account: of, Code: done, Message: message}}
}

// deleteKind deletes accounts.
type deleteKind struct{}

func (deleteKind) knows([]string) bool { return true }
func (deleteKind) silent()             {}

func (deleteKind) answer(g *Guest, r *request) any {
	operator, n, err := g.opt.Claims.Delete(string(r.body))
	if err != nil {
		text := "delete accounts request by " + operator + " failed - " + err.Error()
		g.opt.Log.Errorf("%s", text)
		return &changed{Server: g.server(), Error: &change{Code: failed, Description: text}}
	}
	return &changed{Server: g.server(), Data: &change{Code: done, Message: "deleted " + strconv.Itoa(n) + " accounts"}}
}

// lookupKind sends the JWT of an account, which is nothing if it is not there.
type lookupKind struct{}

func (lookupKind) knows([]string) bool { return true }

func (lookupKind) answer(g *Guest, r *request) any { return []byte(g.opt.Claims.Lookup(r.subject[3])) }

// listKind lists the accounts.
type listKind struct{}

func (listKind) knows([]string) bool { return true }

func (listKind) answer(g *Guest, _ *request) any {
	list := g.opt.Claims.Accounts()
	if list == nil {
		list = []string{}
	}
	return g.data(list, nil)
}

// packKind sends all JWTs, one message for each, and an empty one in the end. Who has the same ones already, and says so by
// the hash of them, gets the last message only.
type packKind struct{}

func (packKind) knows([]string) bool { return true }

func (packKind) answer(g *Guest, r *request) any {
	accounts := g.opt.Claims.Accounts()
	tokens := make([]string, len(accounts))
	var hash [sha256.Size]byte
	for i, account := range accounts {
		tokens[i] = g.opt.Claims.Lookup(account)
		sum := sha256.Sum256([]byte(tokens[i]))
		for k := range hash {
			hash[k] ^= sum[k]
		}
	}
	if string(r.body) != hex.EncodeToString(hash[:]) {
		for i, account := range accounts {
			if tokens[i] != "" {
				g.send(r.account, r.reply, []byte(account+"|"+tokens[i]))
			}
		}
	}
	return []byte{}
}

// Ask publishes a request in the system account and returns its first answer; nil if there is none until the time is over, or
// nobody who could answer.
func (g *Guest) Ask(subject string, over <-chan time.Time) []byte {
	a := g.account
	if a == nil || !listens(a, subject) {
		return nil
	}
	in := &inbox{answer: make(chan []byte, 1)}
	sub := &router.Sub{Pattern: "_INBOX." + newID(), Sink: in}
	a.Router().Subscribe(sub)
	defer a.Unsubscribe(sub)
	session := a.Open(nil)
	session.Publish(&router.Message{Subject: []byte(subject), Reply: []byte(sub.Pattern)})
	session.Rest()
	select {
	case answer := <-in.answer:
		return answer
	case <-over:
		return nil
	}
}

// inbox is the Sink of an answer.
type inbox struct{ answer chan []byte }

// Deliver implements router.Sink.
func (i *inbox) Deliver(m *router.Message, _ *router.Batch) bool {
	select {
	case i.answer <- bytes.Clone(m.Payload):
	default: // there is one already
	}
	return true
}
