package router

// Confide is PublishOnce, but only those subscriptions are offered the message that may have it, and of each queue group one
// such member.
func (p *Publisher) Confide(m *Message, may func(*Sub) bool) (taken int) {
	var found match
	var names map[string]int
	p.router.Matching(m.Subject, func(s *Sub) bool {
		if !may(s) {
			return true
		}
		if s.Queue == "" {
			found.plain = append(found.plain, s)
			return true
		}
		i := found.groupOf(s.Queue, &names)
		found.groups[i].members = append(found.groups[i].members, s)
		return true
	})
	return p.offer(m, &found)
}
