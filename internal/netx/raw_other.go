//go:build !unix

package netx

import "syscall"

// On this platform connections are read and written in the ordinary, blocking way.
const rawSupported = false

type rawConn struct{ conn syscall.RawConn }

func (*rawConn) init(syscall.RawConn) {}

func (*rawConn) readInto(Input) (int, error) { return 0, ErrWouldBlock }

func (*rawConn) tryRead([]byte) (int, error) { return 0, ErrWouldBlock }

func (*rawConn) tryWrite([]byte) (int, error) { return 0, ErrWouldBlock }
