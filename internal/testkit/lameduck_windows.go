package testkit

// LameDuck tells the server to send its clients away and end. Windows has no
// signal for that, so that the test is skipped.
func (s *Server) LameDuck() {
	s.tb.Helper()
	s.tb.Skip("there is no signal for lame duck mode on Windows")
}
