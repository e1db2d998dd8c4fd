package router

import "slices"

// Follower is told of every subscription that comes and goes.
type Follower interface {
	// Changed is called for each, by whoever subscribed, before Subscribe and Unsubscribe return; delta is 1 or -1. Two
	// calls may come in another order than what they tell of: what counts is the sum. It may call other routers.
	Changed(s *Sub, delta int)
}

// Follow begins to tell f, of those subscriptions first that are there.
func (r *Router) Follow(f Follower) {
	r.mu.Lock()
	r.followers = append(r.followers, f) // beyond what those see who read it now
	subs := r.all()
	r.mu.Unlock()
	for _, s := range subs {
		f.Changed(s, 1)
	}
}

// Unfollow ends that: f is told as if all subscriptions had gone.
func (r *Router) Unfollow(f Follower) {
	r.mu.Lock()
	r.followers = slices.DeleteFunc(slices.Clone(r.followers), func(other Follower) bool { return other == f })
	subs := r.all()
	r.mu.Unlock()
	for _, s := range subs {
		f.Changed(s, -1)
	}
}

// all returns all subscriptions.
func (r *Router) all() (list []*Sub) {
	r.index.Each(func(head *Sub) bool {
		for s := head; s != nil; s = s.next {
			list = append(list, s)
		}
		return true
	})
	return list
}
