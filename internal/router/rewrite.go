package router

import "hash/maphash"

// Rewrite says by what subject messages published on a literal one are offered: that subject itself, or what is appended
// to dst. always is false if it is not the same for each of them.
type Rewrite func(dst, literal []byte) (as []byte, always bool)

// Rewrite makes PublishRewritten follow rw from now on.
func (p *Publisher) Rewrite(rw Rewrite) {
	if p.rewritten == nil {
		p.rewritten = new(cache)
	}
	p.rewritten.drop(p.router)
	p.rewritten.rewrite = rw
}

// PublishRewritten is Publish by the subject that the Rewrite says, which m has then. It reports false, and has done
// nothing, if that may be another one for each message. What is rewritten always alike costs one look-up, as Publish
// does.
func (p *Publisher) PublishRewritten(m *Message) (taken int, ok bool) {
	found := p.rewritten.find(p.router, m.Subject)
	if found.varies {
		return 0, false
	}
	m.Subject = found.as
	return p.offer(m, found), true
}

// follow fills in what becomes of a subject, and returns what it is offered by with its hash.
func (c *cache) follow(r *Router, m *match, literal []byte) (as []byte, hash uint64) {
	as, always := c.rewrite(m.as[:0], literal)
	m.varies = !always
	m.as = append(m.as[:0], as...)
	return m.as, maphash.Bytes(r.seed, m.as)
}
