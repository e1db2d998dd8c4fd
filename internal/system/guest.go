package system

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"myelin/internal/auth"
	"myelin/internal/broker"
	"myelin/internal/clock"
	"myelin/internal/report"
	"myelin/internal/router"
)

// Logger is told what an operator should know.
type Logger interface {
	Warnf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Options are what a Guest needs.
type Options struct {
	Broker *broker.Broker
	Views  *report.Views
	Clock  clock.Clock
	Log    Logger
	Server Server // as it introduces itself in the beginning

	// User tells who a connection is; nil if it is gone.
	User func(cid uint64) *User
	// Kick ends a connection, LameDuck asks one to move elsewhere. The error is for who asks.
	Kick, LameDuck func(cid uint64) error
	Claims         Claims // nil where accounts are not signed by operators
	KeepsClaims    bool   // some are kept here; guarded by the lock of the guest
	AllClaims      bool   // all are kept here: others may ask for them; the same

	// Reload reads the configuration anew.
	Reload func() error
}

// User is who a connection is.
type User struct {
	Name        string
	Account     string
	AccountName string            // "" for Account
	UserName    string            // as people call it; "" for nothing else than Name
	Permissions *auth.Permissions // nil for none that limit anything
	Expires     time.Time         // zero for never
}

// Guest tells of the server. Its methods may be called by anybody.
type Guest struct {
	opt     Options
	account *broker.Account // the system's; nil: nobody is told anything
	queue   queue
	traces  queue // of messages; apart, since clients can send any number
	self    atomic.Pointer[Server]
	serial  atomic.Uint64 // of what was told last

	mu      sync.Mutex // guards what follows
	subs    map[*broker.Account][]*router.Sub
	pulse   clock.Timer
	pause   time.Duration // until the next pulse
	counted map[*broker.Account]clock.Timer
	closed  bool
}

// New prepares a guest; it tells nothing before Start.
func New(opt Options) *Guest {
	g := &Guest{opt: opt, account: opt.Broker.System(), counted: make(map[*broker.Account]clock.Timer)}
	g.subs = make(map[*broker.Account][]*router.Sub)
	g.self.Store(&opt.Server)
	g.queue.init(g, "requests and events of the system account")
	g.traces.init(g, "traces of messages")
	return g
}

// Start answers requests from now on, and tells of the server every few seconds.
func (g *Guest) Start() {
	if g.account == nil {
		return
	}
	g.AccountsChanged()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pause = firstPulse
	g.pulse = g.opt.Clock.AfterFunc(g.pause, g.beat)
}

// AccountsChanged answers the requests of accounts that are new.
func (g *Guest) AccountsChanged() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.account == nil || g.closed {
		return
	}
	for _, a := range g.opt.Broker.Accounts() {
		g.serve(a)
	}
}

// AccountAdded is AccountsChanged for one of them.
func (g *Guest) AccountAdded(a *broker.Account) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.account != nil && !g.closed {
		g.serve(a)
	}
}

// serve answers the requests of an account from now on. The lock is held.
func (g *Guest) serve(a *broker.Account) {
	if g.subs[a] != nil {
		return
	}
	g.subscribe(a, g.kinds(a))
}

func (g *Guest) subscribe(a *broker.Account, kinds map[string]kind) {
	for pattern, kind := range kinds {
		sub := &router.Sub{Pattern: pattern, Sink: &entrance{g, a, kind}}
		g.subs[a] = append(g.subs[a], sub)
		a.Router().Subscribe(sub)
	}
}

// KeepClaims answers requests about JWTs from now on as a server does that keeps some of them, or all.
func (g *Guest) KeepClaims(some, all bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opt.KeepsClaims, g.opt.AllClaims = some, all
	if g.account == nil || g.closed || g.subs[g.account] == nil {
		return
	}
	kinds := g.kinds(g.account)
	g.subs[g.account] = slices.DeleteFunc(g.subs[g.account], func(sub *router.Sub) bool {
		if _, stays := kinds[sub.Pattern]; stays {
			delete(kinds, sub.Pattern)
			return false
		}
		g.account.Unsubscribe(sub)
		return true
	})
	g.subscribe(g.account, kinds)
}

// Introduce has the server introduce itself as s from now on. Its name and id stay.
func (g *Guest) Introduce(s Server) { g.self.Store(&s) }

// Close says good-bye, answers what waits, and tells nothing any more.
func (g *Guest) Close() {
	if g.account == nil {
		return
	}
	g.mu.Lock()
	g.closed = true
	for a, subs := range g.subs {
		for _, sub := range subs {
			a.Unsubscribe(sub)
		}
	}
	if g.pulse != nil {
		g.pulse.Stop()
	}
	for _, timer := range g.counted {
		timer.Stop()
	}
	g.mu.Unlock()
	g.tell("$SYS.SERVER."+g.opt.Server.ID+".SHUTDOWN", func() any { return g.server() })
	g.queue.close()
	g.traces.close()
}

// EnterLameDuck tells that the server is about to go.
func (g *Guest) EnterLameDuck() {
	g.tell("$SYS.SERVER."+g.opt.Server.ID+".LAMEDUCK", func() any { return g.server() })
}

// tell publishes what describe returns to the system account, if somebody listens for the subject.
func (g *Guest) tell(subject string, describe func() any) { g.tellIn(g.account, subject, describe) }

func (g *Guest) tellIn(a *broker.Account, subject string, describe func() any) {
	if a == nil || g.account == nil || !listens(a, subject) {
		return
	}
	g.queue.add(func() { g.publish(a, []byte(subject), describe()) })
}

// listens reports whether somebody but this guest is interested in a subject.
func listens(a *broker.Account, subject string) (somebody bool) {
	a.Router().Matching([]byte(subject), func(s *router.Sub) bool {
		_, own := s.Sink.(*entrance)
		somebody = !own
		return own
	})
	return somebody
}
