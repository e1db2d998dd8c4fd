package report

import "myelin/internal/subject"

// CountSubs counts the subscriptions of an account that share subjects with a pattern, and are of the queue group if one
// is named.
func (v *Views) CountSubs(account, pattern, queue string) (n int) {
	if !subject.ValidPattern(pattern) {
		return 0
	}
	v.source.Subscriptions(func(s Sub) bool {
		if s.Account == account && (queue == "" || s.Queue == queue) && subject.Overlap(s.Subject, pattern) {
			n++
		}
		return true
	})
	return n
}
