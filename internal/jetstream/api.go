package jetstream

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"myelin/internal/base62"
	"myelin/internal/broker"
	"myelin/internal/clock"
	"myelin/internal/router"
	"myelin/internal/stream"
)

// Level is the level of the JetStream API that is spoken.
const Level = 5

const (
	apiPrefix = "$JS.API."
	// defaultMaxRequests bounds the requests of an account that wait for an answer.
	defaultMaxRequests = 10000
)

// Logger is told what an operator should know.
type Logger interface {
	Warnf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Options are what an API needs. Those of the last group have usable zero values.
type Options struct {
	Broker  *broker.Broker
	Clock   clock.Clock
	Log     Logger
	Server  string // name
	Version string // the NATS version that responses state

	Domain string
	// Limits are those of an account, nil if it may have no streams. Without the function no account is limited.
	Limits func(account string) *Limits
	// ConsumerBounds are what the server allows consumers.
	ConsumerBounds stream.ConsumerBounds
	// Client describes the connection that a message came from, for events; nil: nobody is described.
	Client func(from uint64) *Client
	// MaxRequests bounds the requests of an account that wait for an answer; beyond it all that wait are
	// dropped. 10,000 if 0. Those that only ask for information are not counted; MaxInfoRequests bounds them in the same
	// way, as many if 0.
	MaxRequests, MaxInfoRequests int
	// Loose has members of requests passed over that are not known, and logs them; nil: such requests are refused. Anybody
	// can have it called at will.
	Loose func(format string, args ...any)
}

// Limits are those of an account, as the account's info states them; -1 is no limit.
type Limits struct {
	MaxMemory            int64 `json:"max_memory"`
	MaxStorage           int64 `json:"max_storage"`
	MaxStreams           int   `json:"max_streams"`
	MaxConsumers         int   `json:"max_consumers"`
	MaxAckPending        int   `json:"max_ack_pending"`
	MemoryMaxStreamBytes int64 `json:"memory_max_stream_bytes"`
	StoreMaxStreamBytes  int64 `json:"storage_max_stream_bytes"`
	MaxBytesRequired     bool  `json:"max_bytes_required"`

	// Tiers are those of streams with one replica ("R1"), three ("R3") and so on, in place of those of all; nil: there are no
	// tiers. On a server that is alone only R1 can be used: the others are told of.
	Tiers map[string]Limits `json:"-"`
}

// tierOne is the tier of streams with one replica.
const tierOne = "R1"

// Unlimited are the limits of an account without any.
var Unlimited = Limits{-1, -1, -1, -1, -1, -1, -1, false, nil}

// API serves the JetStream API of all accounts.
type API struct {
	opt    Options
	engine Engine

	mu     sync.Mutex
	doors  map[string]*door // by account, from Start to Close
	closed bool
}

// New prepares an API. Its Outlet can be given to the engine that Start needs.
func New(opt Options) *API {
	if opt.Limits == nil {
		opt.Limits = func(string) *Limits { return &Unlimited }
	}
	if opt.MaxRequests == 0 {
		opt.MaxRequests = defaultMaxRequests
	}
	if opt.MaxInfoRequests == 0 {
		opt.MaxInfoRequests = opt.MaxRequests
	}
	return &API{opt: opt}
}

// Start begins to answer requests.
func (a *API) Start(engine Engine) {
	a.engine = engine
	a.AccountsChanged()
}

// AccountsChanged answers the requests of accounts that are new, and has the limits of all be asked for again.
func (a *API) AccountsChanged() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	for _, account := range a.opt.Broker.Accounts() {
		a.changed(account)
	}
}

// AccountChanged is AccountsChanged for one of them.
func (a *API) AccountChanged(account *broker.Account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.changed(account)
	}
}

// changed opens the door of an account, or has its limits asked for again. The lock is held.
func (a *API) changed(account *broker.Account) {
	if d := a.doors[account.Name()]; d != nil {
		d.allowed.Store(a.opt.Limits(d.account))
		return
	}
	d := newDoor(a, account)
	d.open()
	if a.doors == nil {
		a.doors = make(map[string]*door)
	}
	a.doors[account.Name()] = d
}

// Close ends the answering. It returns when no request is being worked on; those that wait are dropped.
func (a *API) Close() {
	a.mu.Lock()
	doors := a.doors
	a.doors, a.closed = nil, true
	a.mu.Unlock()
	for _, d := range doors {
		d.close()
	}
}

// Stats count API requests of an account since the start.
type Stats struct{ Total, Errors, Inflight uint64 }

// Stats returns the counters of an account.
func (a *API) Stats(account string) Stats {
	a.mu.Lock()
	d := a.doors[account]
	a.mu.Unlock()
	if d == nil {
		return Stats{}
	}
	return Stats{d.total.Load(), d.errors.Load(), uint64(max(0, d.inflight.Load()))}
}

func (a *API) now() time.Time { return a.opt.Clock.Now().UTC() }

// door is where the requests of one account come in.
type door struct {
	api     *API
	account string
	hash    string // of the account, as subjects have it
	tenant  *broker.Account
	allowed atomic.Pointer[Limits] // nil: the account may have no streams
	session *broker.Session        // for subscribing only
	subs    []*router.Sub
	lanes   lanes
	direct  direct
	// transfers are the snapshots and restores that are under way.
	transfers transfers

	total, errors atomic.Uint64
	inflight      atomic.Int64
}

// destIDs number the destinations of this package. The router tells destinations apart by a number; those of
// connections count from 1, those of streams have the highest bit, these the two highest.
var destIDs atomic.Uint64

func newDestID() uint64 { return 3<<62 | destIDs.Add(1) }

func newDoor(a *API, account *broker.Account) *door {
	name := account.Name()
	d := &door{api: a, account: name, hash: base62.Hash(name), tenant: account, session: account.Open(nil)}
	d.allowed.Store(a.opt.Limits(name))
	d.lanes.init(d)
	d.direct.init(d)
	d.transfers.init()
	return d
}

// open subscribes to the API's subjects, with and without domain, and to what clients say to consumers.
func (d *door) open() {
	prefixes := []string{apiPrefix}
	if domain := d.api.opt.Domain; domain != "" {
		prefixes = append(prefixes, "$JS."+domain+".API.")
	}
	for _, prefix := range prefixes {
		d.subscribe(prefix+">", &entrance{d, len(prefix)})
	}
	d.subscribe(ackPattern, &acks{d})
	d.subscribe(flowPattern, &flows{d})
}

func (d *door) subscribe(pattern string, sink router.Sink) {
	sub := &router.Sub{Pattern: pattern, Sink: sink}
	d.subs = append(d.subs, sub)
	d.session.Subscribe(sub)
}

func (d *door) close() {
	for _, sub := range d.subs {
		d.session.Unsubscribe(sub)
	}
	d.direct.close()
	d.lanes.close()
	d.transfers.close()
}

// entrance is the Sink of a door's subscriptions.
type entrance struct {
	door   *door
	prefix int // bytes of the subject before the verb
}

// Verbs that are not in the table.
const (
	directGet = "DIRECT.GET."
	msgNext   = "CONSUMER.MSG.NEXT."
)

// Deliver implements router.Sink. What nobody could answer is not taken, so that its sender is told at once;
// verbs that are unknown are taken and not answered, as a stock server has it.
func (e *entrance) Deliver(m *router.Message, b *router.Batch) bool {
	verb := m.Subject[e.prefix:]
	switch {
	case e.door.elsewhere():
		return false
	case e.door.homeless():
		return e.door.lanes.deliver(verb, m, b)
	case hasPrefix(verb, directGet):
		return e.door.direct.deliver(verb[len(directGet):], m, b)
	case hasPrefix(verb, msgNext):
		return e.door.pull(verb[len(msgNext):], m, b)
	case string(verb) == directGet[:len(directGet)-1]:
		return false
	}
	return e.door.lanes.deliver(verb, m, b)
}

// elsewhere reports whether the account has its streams in another one, whose API it imports: it may have none of its own.
func (d *door) elsewhere() bool {
	return d.allowed.Load() == nil && d.tenant.ImportsService(apiPrefix+"INFO")
}

// Trace implements router.Tracer. Requests of the API are what an account imports from the system's: there traces end, and what
// is traced only.
func (e *entrance) Trace(m *router.Message, b *router.Batch, _ bool) bool {
	verb := m.Subject[e.prefix:]
	if system := e.door.api.opt.Broker.System(); system != nil && !hasPrefix(verb, directGet) && !hasPrefix(verb, msgNext) {
		m.Trace.Import(system.Name(), string(m.Subject), apiPrefix+string(verb))
		if m.Trace.Only {
			return false
		}
	}
	return m.Trace.Only || e.Deliver(m, b)
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// streamOf returns the stream that a subject of the API names.
func (d *door) streamOf(name string) Stream {
	if strings.ContainsAny(name, ".") {
		return nil
	}
	return d.api.engine.Stream(d.account, name)
}
