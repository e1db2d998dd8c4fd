package replica

import "fmt"

// raftLogger passes on what raft warns of, and turns its panics into ours. What raft does when all is
// well is not told to anybody, nor formatted.
type raftLogger struct {
	warnf func(format string, args ...any)
}

func (l raftLogger) Debug(...any)          {}
func (l raftLogger) Debugf(string, ...any) {}
func (l raftLogger) Info(...any)           {}
func (l raftLogger) Infof(string, ...any)  {}

func (l raftLogger) Warning(v ...any)                 { l.warnf("%s", fmt.Sprint(v...)) }
func (l raftLogger) Warningf(format string, v ...any) { l.warnf(format, v...) }
func (l raftLogger) Error(v ...any)                   { l.warnf("%s", fmt.Sprint(v...)) }
func (l raftLogger) Errorf(format string, v ...any)   { l.warnf(format, v...) }
func (l raftLogger) Fatal(v ...any)                   { panic("raft: " + fmt.Sprint(v...)) }
func (l raftLogger) Fatalf(format string, v ...any)   { panic("raft: " + fmt.Sprintf(format, v...)) }
func (l raftLogger) Panic(v ...any)                   { panic("raft: " + fmt.Sprint(v...)) }
func (l raftLogger) Panicf(format string, v ...any)   { panic("raft: " + fmt.Sprintf(format, v...)) }
