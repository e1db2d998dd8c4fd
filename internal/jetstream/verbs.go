package jetstream

import (
	"encoding/json"
	"strconv"

	"myelin/internal/apierr"
	"myelin/internal/broker"
	"myelin/internal/header"
	"myelin/internal/router"
	"myelin/internal/subject"
)

// verb is one row of the table: what is asked on subjects that match a pattern, below the API's prefix.
type verb struct {
	pattern string
	stream  int // index of the token that names the stream; -1: none does
	run     func(c *call) response
	silent  bool // no event tells of successful answers, nor are they counted
	spread  bool // those for one stream need no order among themselves, but those that name the same consumer
	informs bool // it only asks for information
	system  bool // only the system's account may ask
}

// verbs are all that the API understands.
var verbs = []*verb{
	info(row("INFO", -1, "account_info", (*call).accountInfo)),
	row("STREAM.CREATE.*", 2, "stream_create", (*call).streamCreate),
	row("STREAM.UPDATE.*", 2, "stream_update", (*call).streamUpdate),
	info(row("STREAM.INFO.*", 2, "stream_info", (*call).streamInfo)),
	info(row("STREAM.NAMES", -1, "stream_names", (*call).streamNames)),
	info(row("STREAM.LIST", -1, "stream_list", (*call).streamList)),
	row("STREAM.DELETE.*", 2, "stream_delete", (*call).streamDelete),
	row("STREAM.PURGE.*", 2, "stream_purge", (*call).streamPurge),
	silent(row("STREAM.MSG.GET.*", 3, "stream_msg_get", (*call).messageGet)),
	spread(row("STREAM.MSG.DELETE.*", 3, "stream_msg_delete", (*call).messageDelete)),
	row("STREAM.SNAPSHOT.*", 2, "stream_snapshot", (*call).streamSnapshot),
	row("STREAM.RESTORE.*", 2, "stream_restore", (*call).streamRestore),

	row("STREAM.LEADER.STEPDOWN.*", 3, "stream_leader_stepdown", (*call).clusterOnly),
	row("STREAM.PEER.REMOVE.*", 3, "stream_remove_peer", (*call).clusterOnly),
	row("STREAM.PEER.EVACUATE.*", 3, "stream_remove_peer", (*call).clusterOnly),
	row("STREAM.CANCEL_MOVE.*", 2, "stream_update", (*call).clusterOnly),
	row("CONSUMER.LEADER.STEPDOWN.*.*", 3, "consumer_leader_stepdown", (*call).clusterOnly),

	system(row("ACCOUNT.PURGE.*", -1, "account_purge", (*call).accountPurge)),

	info(row("CONSUMER.NAMES.*", 2, "consumer_names", (*call).consumerNames)),
	info(row("CONSUMER.LIST.*", 2, "consumer_list", (*call).consumerList)),
	spread(info(row("CONSUMER.INFO.*.*", 2, "consumer_info", (*call).consumerInfo))),
	spread(row("CONSUMER.DELETE.*.*", 2, "consumer_delete", (*call).consumerDelete)),
	spread(row("CONSUMER.PAUSE.*.*", 2, "consumer_pause", (*call).consumerPause)),
	spread(row("CONSUMER.UNPIN.*.*", 2, "consumer_unpin", (*call).consumerUnpin)),
	spread(row("CONSUMER.RESET.*.*", 2, "consumer_reset", (*call).consumerReset)),
	spread(row("CONSUMER.CREATE.*", 2, "consumer_create", (*call).consumerCreate)),
	spread(row("CONSUMER.CREATE.*.>", 2, "consumer_create", (*call).consumerCreate)),
	spread(row("CONSUMER.DURABLE.CREATE.*.*", 3, "consumer_create", (*call).consumerCreate)),

	unanswered("META.LEADER.STEPDOWN"),
	unanswered("META.RESCUE"),
	unanswered("SERVER.REMOVE"),
	unanswered("SERVER.EVACUATE"),
}

// unanswered is what the system's account asks of clusters only.
func unanswered(pattern string) *verb { return &verb{pattern: pattern, stream: -1, system: true} }

// noStreams answers what the system's account asks as others do that have streams.
var noStreams = row("", -1, "system", func(*call, *envelope) *apierr.Error { return apierr.NotEnabledForAccount.Err() })

// index finds the row of a subject.
var index = func() *subject.Index[*verb] {
	x := new(subject.Index[*verb])
	for _, v := range verbs {
		x.Set(v.pattern, v)
	}
	return x
}()

// verbOf returns the row of a subject below the API's prefix, or nil.
func verbOf(text []byte) *verb {
	var room [2]*verb
	if found := index.Match(text, room[:0]); len(found) > 0 {
		return found[0]
	}
	return nil
}

// typePrefix and typeSuffix surround what a response is called.
const (
	typePrefix = "io.nats.jetstream.api.v1."
	typeSuffix = "_response"
)

// response is what a request is answered with, as JSON.
type response interface {
	begin(kind string)
	fail(err *apierr.Error)
	failed() bool
}

// envelope is what all responses begin with.
type envelope struct {
	Type  string        `json:"type"`
	Error *apierr.Error `json:"error,omitempty"`
}

func (e *envelope) begin(kind string)      { e.Type = typePrefix + kind + typeSuffix }
func (e *envelope) fail(err *apierr.Error) { e.Error = err }
func (e *envelope) failed() bool           { return e.Error != nil }

// row makes a row of a handler. The handler fills in the response that it is given, which it leaves alone if
// it returns an error.
func row[T any, R interface {
	*T
	response
}](pattern string, stream int, kind string, handle func(*call, R) *apierr.Error) *verb {
	return &verb{pattern: pattern, stream: stream, run: func(c *call) response {
		resp := R(new(T))
		if d, ok := any(resp).(interface{ defaults() }); ok {
			d.defaults()
		}
		resp.begin(kind)
		err := c.enabled()
		if err == nil {
			err = c.levelled()
		}
		if err == nil {
			err = handle(c, resp)
		}
		if err != nil {
			resp.fail(err)
		}
		return resp
	}}
}

func silent(v *verb) *verb {
	v.silent = true
	return v
}

func spread(v *verb) *verb {
	v.spread = true
	return v
}

func info(v *verb) *verb {
	v.informs = true
	return v
}

func system(v *verb) *verb {
	v.system = true
	return v
}

// call is one request while it is answered.
type call struct {
	*request
	door    *door
	limits  *Limits // of the account, when it was asked for them
	verb    *verb
	session *broker.Session
	head    []byte // header block of the response; nil: none
	after   func() // what follows the response; nil: nothing
}

// enabled says that the account may have no streams.
func (c *call) enabled() *apierr.Error {
	if c.limits = c.door.allowed.Load(); c.limits == nil && !c.verb.system {
		return apierr.NotEnabledForAccount.Err()
	}
	return nil
}

// answer works on a request and publishes its response, and what is told about that to who listens.
func (d *door) answer(q *request, session *broker.Session) {
	if q.batch != nil {
		d.answerBatch(q, session)
		return
	}
	v := d.rowOf(q.verb)
	if v == nil {
		return
	}
	c := &call{request: q, door: d, verb: v, session: session}
	resp := v.run(c)
	body, err := json.Marshal(resp)
	if err != nil {
		d.api.opt.Log.Errorf("JetStream API response to %s%s cannot be encoded: %v", apiPrefix, q.verb, err)
		return
	}
	if len(q.reply) > 0 {
		session.Reply(&router.Message{Subject: q.reply, Header: c.head, Payload: body})
	}
	if !v.silent || resp.failed() {
		c.count(resp)
		c.audit(body)
	}
	session.Flush()
	if c.after != nil {
		c.after()
	}
}

// rowOf is the row of the table by which a request of the account is answered, or nil. The system's account hears to all
// that it has no streams, but to what is its own, and to the question for that.
func (d *door) rowOf(text []byte) *verb {
	v := verbOf(text)
	switch own := d.tenant == d.api.opt.Broker.System(); {
	case v != nil && v.system:
		if !own || v.run == nil {
			return nil
		}
	case own && hasPrefix(text, "ACCOUNT."): // what is asked of clusters, too
		return nil
	case d.homeless() && string(text) != "INFO":
		return noStreams
	}
	return v
}

// homeless reports whether the account is the system's and may have no streams.
func (d *door) homeless() bool {
	return d.allowed.Load() == nil && d.tenant == d.api.opt.Broker.System()
}

func (c *call) count(resp response) {
	c.door.total.Add(1)
	if resp.failed() {
		c.door.errors.Add(1)
	}
}

// requiredLevel is the header by which a client refuses servers that do not understand its request.
const requiredLevel = "Nats-Required-Api-Level"

// levelled refuses requests for a higher level of the API.
func (c *call) levelled() *apierr.Error {
	if !levelServed(c.header) {
		return apierr.RequiredApiLevel.Err()
	}
	return nil
}

func levelServed(block []byte) bool {
	if len(block) == 0 {
		return true
	}
	value := header.Get(block, requiredLevel)
	if len(value) == 0 {
		return true
	}
	level, err := strconv.Atoi(string(value))
	return err == nil && level <= Level
}

// streamName is the name in the subject.
func (c *call) streamName() string { return string(token(c.request.verb, c.verb.stream)) }

// stream finds the stream that the subject names.
func (c *call) stream() (Stream, *apierr.Error) {
	s := c.door.streamOf(c.streamName())
	if s == nil {
		return nil, apierr.StreamNotFound.Err()
	}
	return s, nil
}
