package router

import "myelin/internal/subject"

// Follower is told of subscriptions that come and go.
type Follower interface {
	// Changed is called for each, by whoever subscribed, before Subscribe and Unsubscribe return; delta is 1 or -1. Two
	// calls may come in another order than what they tell of: what counts is the sum. It may call other routers.
	Changed(s *Sub, delta int)
}

// Follow begins to tell f of subscriptions that overlap with a pattern, of those first that are there.
func (r *Router) Follow(f Follower, pattern string) {
	r.mu.Lock()
	r.followers.Add(pattern, f)
	subs := r.overlapping(pattern)
	r.mu.Unlock()
	for _, s := range subs {
		f.Changed(s, 1)
	}
}

// Unfollow ends that: f is told as if all subscriptions had gone.
func (r *Router) Unfollow(f Follower, pattern string) {
	r.mu.Lock()
	r.followers.Remove(pattern, f)
	subs := r.overlapping(pattern)
	r.mu.Unlock()
	for _, s := range subs {
		f.Changed(s, -1)
	}
}

// overlapping returns the subscriptions that overlap with a pattern.
func (r *Router) overlapping(pattern string) (list []*Sub) {
	r.index.Each(func(head *Sub) bool {
		if !subject.Overlap(head.Pattern, pattern) {
			return true
		}
		for s := head; s != nil; s = s.next {
			list = append(list, s)
		}
		return true
	})
	return list
}
