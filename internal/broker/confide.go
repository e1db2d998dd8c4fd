package broker

import "myelin/internal/router"

// Confide offers a message to those only, of all who are interested in its subject, who may have it. No mapping applies.
func (s *Session) Confide(m *router.Message, may func(*router.Sub) bool) int {
	return s.open().Confide(m, may)
}
