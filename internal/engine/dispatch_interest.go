package engine

import "myelin/internal/router"

// listens reports whether anybody listens to a subject.
func (x *dispatch) listens(to []byte) (found bool) {
	routes := x.stream.engine.router(x.stream.Account())
	if routes == nil {
		return false
	}
	routes.Matching(to, func(*router.Sub) bool {
		found = true
		return false
	})
	return found
}

// listening reports whether anybody listens to a consumer's deliver subject, in its deliver group or in none if it has
// none. A stream that takes what is published there is nobody.
func (x *dispatch) listening(c *Consumer) (found bool) {
	routes, config := x.stream.engine.router(x.stream.Account()), c.Config()
	if routes == nil || !config.Push() || c.copied.Load() {
		return false
	}
	routes.Matching([]byte(config.DeliverSubject), func(s *router.Sub) bool {
		_, stored := s.Sink.(*ingest)
		found = !stored && s.Queue == config.DeliverGroup
		return !found
	})
	return found
}

// watch has a push consumer hear of who listens to its deliver subject.
func (x *dispatch) watch(c *Consumer) {
	routes, config := x.stream.engine.router(x.stream.Account()), c.Config()
	if routes == nil || c.watch != nil && c.watch.Subject == config.DeliverSubject {
		return
	}
	x.unwatch(c)
	if config.Push() {
		c.watch = &router.Watch{Subject: config.DeliverSubject, Changed: func() {
			x.stream.events.do(func() { x.interest(c) })
		}}
		routes.Watch(c.watch)
	}
}

func (x *dispatch) unwatch(c *Consumer) {
	if c.watch != nil {
		if routes := x.stream.engine.router(x.stream.Account()); routes != nil {
			routes.Unwatch(c.watch)
		}
		c.watch = nil
	}
}

// interest finds out who listens now.
func (x *dispatch) interest(c *Consumer) {
	if x.consumers[c.number] == c && c.Config().Push() {
		c.dispatcher.Interest(x.now(), x.listening(c))
		x.stir(c)
	}
}
