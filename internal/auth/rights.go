package auth

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"myelin/internal/subject"
)

// Rights are what a user may publish and subscribe to, ready to be asked. They do not change and may be shared.
type Rights struct {
	publish, subscribe subjects

	maxAnswers    int           // to one request; negative for any number, 0 if no right comes from requests
	answersExpire time.Duration // after the request; negative for never

	from *Permissions // nil for none
}

// Permissions are what the rights were made of, not to be changed; nil for none.
func (r *Rights) Permissions() *Permissions { return r.from }

// subjects is one side of Rights.
type subjects struct {
	limited     bool // only what is in allow; otherwise all that is not in deny
	forQueues   bool // an entry of allow is about certain queues
	allow, deny subject.Index[*rule]
	denied      []*rule // those in deny
}

// rule is what is known about one pattern.
type rule struct {
	pattern string
	plain   bool     // holds whatever the queue
	queues  []string // patterns of queue names for which it holds
}

// unlimited are the rights of who has no permissions to be limited by.
var unlimited = new(Rights)

// matches are lists for the rules that match one subject, empty between checks.
var matches = sync.Pool{New: func() any { return new([]*rule) }}

// some reports whether a rule that matches the subject is accepted.
func some(index *subject.Index[*rule], name []byte, accept func(*rule) bool) bool {
	if index.Len() == 0 {
		return false
	}
	space := matches.Get().(*[]*rule)
	*space = index.Match(name, (*space)[:0])
	found := slices.ContainsFunc(*space, accept)
	clear(*space)
	matches.Put(space)
	return found
}

// NewRights compiles permissions; nil are no limits.
func NewRights(p *Permissions) (*Rights, error) {
	if p == nil {
		return unlimited, nil
	}
	r := &Rights{from: p}
	if err := r.publish.compile(p.Publish, CheckSubject); err != nil {
		return nil, err
	}
	if err := r.subscribe.compile(p.Subscribe, CheckSubjectAndQueue); err != nil {
		return nil, err
	}
	if p.Responses != nil {
		r.maxAnswers, r.answersExpire = p.Responses.Limits()
		r.publish.limited = true
	}
	return r, nil
}

// CheckSubject says what is wrong with an entry of permissions to publish.
func CheckSubject(entry string) error {
	if !subject.ValidPattern(entry) {
		return fmt.Errorf("subject %q is not a valid subject", entry)
	}
	return nil
}

// CheckSubjectAndQueue says what is wrong with an entry of permissions to subscribe.
func CheckSubjectAndQueue(entry string) error {
	pattern, queue := splitQueue(entry)
	if queue != "" && !subject.ValidPattern(queue) {
		return fmt.Errorf("queue %q is not a valid queue", queue)
	}
	return CheckSubject(pattern)
}

// splitQueue cuts an entry of two words in two.
func splitQueue(entry string) (pattern, queue string) {
	if words := strings.Fields(entry); len(words) == 2 {
		return words[0], words[1]
	}
	return entry, ""
}

func (s *subjects) compile(configured Subjects, check func(string) error) error {
	s.limited = len(configured.Allow) > 0
	allowed, err := fill(&s.allow, configured.Allow, check)
	if err != nil {
		return err
	}
	s.forQueues = slices.ContainsFunc(allowed, func(r *rule) bool { return len(r.queues) > 0 })
	s.denied, err = fill(&s.deny, configured.Deny, check)
	return err
}

// fill gathers the entries by their patterns, and returns what it made.
func fill(index *subject.Index[*rule], entries []string, check func(string) error) (rules []*rule, err error) {
	for _, entry := range entries {
		if err := check(entry); err != nil {
			return nil, err
		}
		pattern, queue := splitQueue(entry)
		r := index.Get(pattern)
		if r == nil {
			r = &rule{pattern: pattern}
			index.Set(pattern, r)
			rules = append(rules, r)
		}
		if queue == "" {
			r.plain = true
		} else {
			r.queues = append(r.queues, queue)
		}
	}
	return rules, nil
}

// names reports whether one of the rule's queue patterns is about the queue, whose name is read as a pattern itself.
func (r *rule) names(queue string) bool {
	if queue == "" {
		return false
	}
	for _, pattern := range r.queues {
		if subject.Within(queue, pattern) {
			return true
		}
	}
	return false
}

// applies reports whether the rule, as one that denies, is about a subscription with that queue.
func (r *rule) applies(queue string) bool { return r.plain || r.names(queue) }

// allows reports whether name is in allow, and not in deny. The tokens of name are compared as they are, wildcards too,
// and one that is not valid is in neither. What is allowed for certain queues is not for others, even if some other
// pattern says so for all of them.
func (s *subjects) allows(name []byte, queue string) bool {
	return s.allowed(name, queue) && !s.denies(name, queue)
}

func (s *subjects) allowed(name []byte, queue string) bool {
	if !s.limited {
		return true
	}
	plain, others := false, false
	named := some(&s.allow, name, func(r *rule) bool {
		plain = plain || r.plain
		others = others || queue != "" && len(r.queues) > 0
		return r.names(queue)
	})
	return named || plain && !others
}

func (s *subjects) denies(name []byte, queue string) bool {
	return some(&s.deny, name, func(r *rule) bool { return r.applies(queue) })
}

// SystemQueue is the queue group of the server's own subscribers. It is nobody else's.
const SystemQueue = "_sys_"

// CanSubscribe reports whether the user may subscribe to a pattern, with a queue or "". If so, the filter says which of
// the messages must not be delivered nevertheless; nil delivers all.
func (r *Rights) CanSubscribe(pattern, queue string) (ok bool, filter *Filter) {
	if queue == SystemQueue || !r.subscribe.allows([]byte(pattern), queue) {
		return false, nil
	}
	if !subject.HasWildcard(pattern) {
		return true, nil
	}
	return true, newFilter(&r.subscribe, pattern, queue)
}

var (
	gatewayPrefix   = []byte("_GR_.")
	replyPrefix     = []byte("_R_.")
	jsAckPrefix     = []byte("$JS.ACK.")
	reservedReplies = [][]byte{jsAckPrefix, replyPrefix, gatewayPrefix}
)

// ReservedReply reports whether no client may ask for answers to that subject, whatever its rights.
func ReservedReply(reply []byte) bool {
	if len(reply) == 0 || reply[0] != '$' && reply[0] != '_' {
		return false
	}
	for _, prefix := range reservedReplies {
		if bytes.HasPrefix(reply, prefix) {
			return true
		}
	}
	return false
}

// canPublish reports whether the user may publish to a subject, apart from answers.
func (r *Rights) canPublish(name []byte) bool {
	return !bytes.HasPrefix(name, gatewayPrefix) && r.publish.allows(name, "")
}

// Limited reports whether there is anything that the user may not do but what nobody may. Who is not limited needs no
// Guard: ReservedSubject and ReservedReply are all there is to ask.
func (r *Rights) Limited() bool {
	return !r.open() || r.subscribe.limited || len(r.subscribe.denied) > 0
}

// ReservedSubject reports whether no client may publish to that subject, whatever its rights.
func ReservedSubject(name []byte) bool { return bytes.HasPrefix(name, gatewayPrefix) }

// open reports whether the user may publish to all subjects but the reserved ones.
func (r *Rights) open() bool { return !r.publish.limited && len(r.publish.denied) == 0 }
