package jetstream

import (
	"bytes"
	"encoding/json"
	"strconv"
	"sync"

	"myelin/internal/apierr"
	"myelin/internal/broker"
	"myelin/internal/engine"
	"myelin/internal/header"
	"myelin/internal/jetstream/wire"
	"myelin/internal/router"
	"myelin/internal/stream"
)

// Abroad is how streams reach origins in other accounts and domains: by requests that the account could send itself.
func (a *API) Abroad() engine.Abroad { return abroad{a} }

type abroad struct{ api *API }

// reception is what a consumer elsewhere delivers.
type reception struct {
	api     *API
	account *broker.Account
	to      engine.Receiver
	inbox   router.Sub

	mu     sync.Mutex // guards what follows; not held while anybody is told
	parcel *router.Sub
	closed bool
}

// Consume implements engine.Abroad.
func (x abroad) Consume(q *engine.Request, to engine.Receiver) engine.Reception {
	r := &reception{api: x.api, account: x.api.opt.Broker.Add(q.Account), to: to}
	r.inbox.Pattern, r.inbox.Sink = "$JSC.R."+randomName(), answers{r}
	r.account.Router().Subscribe(&r.inbox)
	r.listen(q.Config.DeliverSubject)
	verb, body := creation(q)
	m := router.Message{Subject: []byte(verb), Reply: []byte(r.inbox.Pattern), Payload: body}
	if q.Again { // it asks for the incarnation
		m.Header = header.AppendEnd(header.AppendField(header.AppendStart(nil), streamIdentity, ""))
	}
	if x.publish(r.account, &m) == 0 {
		to.Begun(engine.Begun{Err: apierr.StreamGeneralError.With("nobody responds to " + verb)})
	}
	return r
}

// Dismiss implements engine.Abroad.
func (x abroad) Dismiss(account, api, stream, consumer string) {
	x.publish(x.api.opt.Broker.Add(account), &router.Message{Subject: []byte(prefixOf(api) + "CONSUMER.DELETE." + stream + "." + consumer)})
}

// publish sends a message as if a client of the account did.
func (x abroad) publish(account *broker.Account, m *router.Message) int {
	session := account.Open(nil)
	defer session.Rest()
	return session.Reply(m)
}

func prefixOf(api string) string {
	if api == "" {
		return apiPrefix
	}
	return api + "."
}

// creation is the subject and the body of a request.
func creation(q *engine.Request) (subject string, body []byte) {
	api, c := prefixOf(q.API), q.Config
	if q.Again {
		if q.After > 0 {
			body = strconv.AppendUint([]byte(`{"seq":`), q.After+1, 10)
			body = append(body, '}')
		}
		return api + "CONSUMER.RESET." + q.Stream + "." + c.Name, body
	}
	subject = api + "CONSUMER.CREATE." + q.Stream
	if c.FilterSubject != "" { // so that rights can tell filters apart
		subject += "." + c.Name + "." + c.FilterSubject
	}
	body, err := json.Marshal(wire.CreateConsumerRequest{Stream: q.Stream, Config: *c})
	if err != nil { // there is nothing in it that could not be written
		return subject, nil
	}
	return subject, body
}

// listen begins to take what is delivered.
func (r *reception) listen(subject string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.parcel != nil || subject == "" {
		return
	}
	r.parcel = &router.Sub{Pattern: subject, Sink: parcels{r}}
	r.account.Router().Subscribe(r.parcel)
}

// Answer implements engine.Reception.
func (r *reception) Answer(flow []byte, seq, dseq uint64) {
	m := router.Message{Subject: flow}
	if seq > 0 {
		m.Header = header.AppendField(header.AppendStart(nil), "Nats-Last-Consumer", strconv.FormatUint(dseq, 10))
		m.Header = header.AppendEnd(header.AppendField(m.Header, "Nats-Last-Stream", strconv.FormatUint(seq, 10)))
	}
	abroad{r.api}.publish(r.account, &m)
}

// Close implements engine.Reception.
func (r *reception) Close() {
	r.mu.Lock()
	parcel := r.parcel
	r.closed, r.parcel = true, nil
	r.mu.Unlock()
	r.account.Router().Unsubscribe(&r.inbox)
	if parcel != nil {
		r.account.Router().Unsubscribe(parcel)
	}
}

// answers is the Sink of the answer to a request.
type answers struct{ of *reception }

// consumed is what an answer says.
type consumed struct {
	Error   *apierr.Error          `json:"error"`
	Config  *stream.ConsumerConfig `json:"config"`
	Pending uint64                 `json:"num_pending"`
}

// Deliver implements router.Sink. The answer is read elsewhere: whoever delivers it is in the middle of something.
func (s answers) Deliver(m *router.Message, _ *router.Batch) bool {
	identity, body := string(header.Get(m.Header, streamIdentity)), bytes.Clone(m.Payload)
	status, _ := header.Status(m.Header)
	go s.of.begun(status, identity, body)
	return true
}

func (r *reception) begun(status int, identity string, body []byte) {
	var c consumed
	b := engine.Begun{Identity: identity}
	if err := json.Unmarshal(body, &c); err != nil || c.Error == nil && c.Config == nil {
		b.Err = apierr.StreamGeneralError.With("the answer to a request for a consumer cannot be read")
		if status != 0 {
			b.Err = apierr.StreamGeneralError.With("a request for a consumer was answered with status " + strconv.Itoa(status))
		}
	} else if b.Err = c.Error; b.Err == nil {
		b.Pending, b.Acknowledged, b.Deliver = c.Pending, c.Config.Ack == stream.AckFlowControl, c.Config.DeliverSubject
		r.listen(b.Deliver)
	}
	r.to.Begun(b)
}

// parcels is the Sink of what a consumer delivers.
type parcels struct{ of *reception }

// Deliver implements router.Sink.
func (s parcels) Deliver(m *router.Message, _ *router.Batch) bool {
	to := s.of.to
	if status, _ := header.Status(m.Header); status == 100 {
		switch stalled := header.Get(m.Header, "Nats-Consumer-Stalled"); {
		case len(m.Reply) > 0:
			to.Arrived(&engine.Arrival{Flow: m.Reply})
		default:
			if dseq, err := strconv.ParseUint(string(header.Get(m.Header, "Nats-Last-Consumer")), 10, 64); err == nil {
				to.Quiet(dseq)
			}
			if len(stalled) > 0 {
				to.Arrived(&engine.Arrival{Flow: stalled})
			}
		}
		return true
	}
	a, ok := wire.ParseAckSubject(m.Reply)
	if !ok || a.Seq == 0 || a.DSeq == 0 {
		return false
	}
	to.Arrived(&engine.Arrival{
		Seq: a.Seq, DSeq: a.DSeq, Time: a.Time, Pending: a.Pending, Subject: m.Subject, Header: m.Header, Body: m.Payload,
	})
	return true
}
