package jetstream

import "myelin/internal/router"

// Acknowledged answers, without a word, a client that waits for its acknowledgement of a message to be taken.
func (o *Outlet) Acknowledged(reply []byte) {
	o.msg = router.Message{Subject: reply}
	o.session.Reply(&o.msg)
}
