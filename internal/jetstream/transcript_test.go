package jetstream

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"myelin/internal/auth"
)

// step is something that was done to a stock server, and what came of it. In subjects, replies, headers and
// bodies {{ack S C 3}} is the reply subject of the last delivery of message 3 of stream S by consumer C, and
// {{name}}, {{pin}}, {{flow}} and {{identity}} are what a server made up last.
type step struct {
	Publish, Reply, Header, Body string // a message; a body like x*50000 is so many of that letter
	Listen, Queue, Unlisten      string // or a subscription
	Wait                         int64  // or so many milliseconds
	Got                          []struct{ Subject, Reply, Header, Body string }
}

func steps(t testing.TB, file string) []step { return recorded[step](t, file) }

// player repeats what was done to a stock server.
type player struct {
	t     *testing.T
	x     *tester
	inbox *inbox // of all that is listened to
	subs  map[string]*inbox
	made  map[string]string // what the server made up
}

func newPlayer(t *testing.T, x *tester) *player {
	p := &player{t: t, x: x, inbox: x.inbox, subs: map[string]*inbox{}, made: map[string]string{}}
	p.listen("$JS.EVENT.ADVISORY.CONSUMER.>", "")
	p.listen("$JS.EVENT.METRIC.>", "")
	return p
}

// listen has messages put into the one inbox.
func (p *player) listen(pattern, queue string) {
	i := &inbox{}
	i.Pattern, i.Queue, i.Sink = pattern, queue, p.inbox
	p.subs[pattern] = i
	p.x.session.Subscribe(&i.Sub)
}

var placeholder = regexp.MustCompile(`\{\{([^}]*)\}\}`)

func (p *player) resolve(text string) string {
	if letter, n, ok := strings.Cut(text, "*"); ok {
		if times, err := strconv.Atoi(n); err == nil {
			return strings.Repeat(letter, times)
		}
	}
	return placeholder.ReplaceAllStringFunc(text, func(s string) string { return p.made[s[2:len(s)-2]] })
}

// What a server makes up.
var inventions = map[string]*regexp.Regexp{
	"name":     regexp.MustCompile(`"name":"([^"]*)","created"`),
	"pin":      regexp.MustCompile(`Nats-Pin-Id: (\S+)`),
	"identity": regexp.MustCompile(`Nats-Stream-Identity: (\S+)`),
	"flow":     regexp.MustCompile(`^(\$JS\.FC\.\S+)`),
}

func (p *player) note(m received) {
	for name, pattern := range inventions {
		for _, text := range []string{m.reply, m.header, m.body} {
			if found := pattern.FindStringSubmatch(text); found != nil {
				p.made[name] = found[1]
			}
		}
	}
	if tokens := strings.Split(m.reply, "."); strings.HasPrefix(m.reply, ackPattern[:len(ackPattern)-1]) && len(tokens) == 9 {
		p.made["ack "+tokens[2]+" "+tokens[3]+" "+tokens[5]] = m.reply
	}
}

// settle waits until all streams and consumers have heard what was said to them. Who asks is answered within a turn;
// a second question is answered once the first turn is over, and its timers are set.
func (p *player) settle() {
	for range 2 {
		for _, s := range p.x.api.engine.Streams(auth.GlobalAccount) {
			s.ConsumerStatuses(s.Consumers())
		}
	}
}

// play does one step and returns what came of it, once it is as much as is expected.
func (p *player) play(s step) (got []received) {
	x := p.x
	p.settle()
	x.clock.Advance(max(time.Duration(s.Wait), 1) * time.Millisecond)
	switch {
	case s.Listen != "":
		p.listen(s.Listen, s.Queue)
	case s.Unlisten != "":
		x.session.Unsubscribe(&p.subs[s.Unlisten].Sub)
		delete(p.subs, s.Unlisten)
	case s.Publish != "":
		to, reply := p.resolve(s.Publish), p.resolve(s.Reply)
		if x.publish(to, reply, p.resolve(s.Header), p.resolve(s.Body)) == 0 && reply != "" {
			return []received{{subject: reply, header: noResponders(to).header}}
		}
	}
	got = p.inbox.await(len(s.Got))
	for _, m := range got {
		p.note(m)
	}
	return got
}

var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\.\d{19}\.`), ".<time>."},
	{regexp.MustCompile(`"id":"\w{22}"`), `"id":"<id>"`},
	{regexp.MustCompile(`"(name|consumer)":"\w{8}"`), `"$1":"<name>"`},
	{regexp.MustCompile(`(\.\w+)\.\w{8}$`), "$1.<name>"},
	{regexp.MustCompile(`SRC-\w{8}`), "SRC-<name>"},
	{regexp.MustCompile(`(Nats-Pin-Id: |pinned_client_id":"|pinned_id":")\w{22}`), "$1<pin>"},
	{regexp.MustCompile(`(Nats-Stream-Identity: |identity does not match: )\w{8}`), "$1<identity>"},
	{regexp.MustCompile(`(\$JS\.FC\.\w+\.\w+\.)\w+`), "$1<token>"},
	{regexp.MustCompile(`"(pause_remaining|ack_time|total)":\d+`), `"$1":<n>`},
}

// hide hides what differs each time.
func hide(text string) string {
	for _, m := range masks {
		text = m.pattern.ReplaceAllString(text, m.with)
	}
	if len(text) > 20000 {
		text = text[:1] + "*" + strconv.Itoa(len(text))
	}
	return mask(text)
}

// line shows a message. Its first letter is its group: there is an order among what a consumer sends, but none among
// that, answers of the API and events.
func line(m received) string {
	group := "d"
	switch {
	case strings.HasPrefix(m.subject, "$JS.EVENT."):
		group = "e"
	case strings.HasPrefix(m.body, `{"type":"io.nats.jetstream.api.`):
		group = "a"
	}
	return hide(group+" "+m.subject) + " " + hide(m.reply) + " " + hide(m.header) + hide(m.body)
}

func lines(list []received) string {
	var all []string
	for _, m := range list {
		all = append(all, line(m))
	}
	slices.SortStableFunc(all, func(a, b string) int {
		if a[0] == 'e' && b[0] == 'e' {
			return strings.Compare(a, b)
		}
		return int(a[0]) - int(b[0])
	})
	return strings.Join(all, "\n")
}

// playStock repeats a transcript, which must come out the same.
func playStock(t *testing.T, x *tester, file string) {
	p := newPlayer(t, x)
	const enough = 30
	failures := 0
	for i, s := range steps(t, file) {
		var want []received
		for _, m := range s.Got {
			want = append(want, received{m.Subject, m.Reply, m.Header, m.Body})
		}
		if g, w := lines(p.play(s)), lines(want); g != w {
			t.Errorf("line %d: %s %q %q\n got %s\nwant %s", i+1, s.Publish, s.Header, s.Body, g, w)
			if failures++; failures == enough {
				return
			}
		}
	}
}

// Requests about consumers are answered with the bytes of a stock server.
func TestAnswersAboutConsumersAreStocks(t *testing.T) {
	playStock(t, newEngineTester(t), "testdata/consumers.jsonl")
}

// What clients get of consumers is what they get of a stock server.
func TestConsumersAreStocks(t *testing.T) {
	playStock(t, newEngineTester(t), "testdata/deliveries.jsonl")
}

// The same in a domain.
func TestConsumersInDomainsAreStocks(t *testing.T) {
	playStock(t, newEngineTesterIn(t, "hub"), "testdata/deliveries_domain.jsonl")
}
