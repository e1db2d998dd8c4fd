package auth

import "myelin/internal/subject"

// Filter says which messages a subscription that is allowed must not get. It does not change and may be asked by many
// at a time.
type Filter struct {
	deny subject.Index[*rule] // those that apply to the queue and match some of the subscription's subjects

	rights *subjects // if the subscription stands for more than what is allowed
	queue  string
}

// newFilter returns the filter of an allowed subscription; nil if there is nothing to be kept from it.
func newFilter(s *subjects, pattern, queue string) *Filter {
	f := &Filter{queue: queue}
	for _, r := range s.denied {
		if r.applies(queue) && subject.Overlap(r.pattern, pattern) {
			f.deny.Set(r.pattern, r)
		}
	}
	if s.limited && !s.covers(pattern, queue) {
		f.rights = s
	}
	if f.deny.Len() == 0 && f.rights == nil {
		return nil
	}
	return f
}

// covers reports whether one entry allows all that the pattern stands for. Being allowed does not say that: as in
// stock, `foo.*` allows to subscribe to `foo.>`. An entry for certain queues can take away from what others allow.
func (s *subjects) covers(pattern, queue string) bool {
	covered := some(&s.allow, []byte(pattern), func(r *rule) bool { return r.applies(queue) && subject.Within(pattern, r.pattern) })
	return covered && (queue == "" || !s.forQueues)
}

// Drops reports whether a message on that subject must not be delivered.
func (f *Filter) Drops(name []byte) bool {
	denied := some(&f.deny, name, func(*rule) bool { return true })
	return denied || f.rights != nil && !f.rights.allowed(name, f.queue)
}
