//go:build unix

package netx

import (
	"io"
	"os"
	"syscall"
)

const rawSupported = true

// rawConn reads and writes a descriptor without blocking in the kernel. Its functions are made once, so
// that a read or a write allocates nothing.
type rawConn struct {
	conn syscall.RawConn

	// of the reading goroutine
	read  func(fd uintptr) bool
	eager eager
	into  Input
	in    int
	rerr  error
	try   func(fd uintptr) bool
	to    []byte

	// of the writing goroutine
	write func(fd uintptr) bool
	out   []byte
	sent  int
	werr  error
}

func (r *rawConn) init(conn syscall.RawConn) {
	r.conn = conn
	r.read = r.readOnce
	r.try = r.tryOnce
	r.write = r.writeOnce
}

func (r *rawConn) readInto(in Input) (int, error) {
	r.into = in
	if err := r.conn.Read(r.read); err != nil {
		return 0, err
	}
	return r.in, r.rerr
}

// readOnce is called when there may be input; it reports false to wait for more.
func (r *rawConn) readOnce(fd uintptr) bool {
	if r.readNow(fd) {
		return true
	}
	r.into.Idle()
	if !r.eager.looks(&waits) {
		return false
	}
	found := r.readSoon(fd)
	r.eager.looked(found)
	return found
}

// readSoon reads what comes within a moment; false: nothing does.
func (r *rawConn) readSoon(fd uintptr) bool {
	for range eagerReads {
		if r.readNow(fd) {
			return true
		}
	}
	r.into.Idle()
	return false
}

// readNow reads what is there; false: there is nothing yet.
func (r *rawConn) readNow(fd uintptr) bool {
	chunk := r.into.Grab()
	for {
		n, err := syscall.Read(int(fd), chunk.free())
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			r.in, r.rerr = 0, os.NewSyscallError("read", err)
		case n == 0:
			r.in, r.rerr = 0, io.EOF
		default:
			chunk.extend(n)
			r.in, r.rerr = n, nil
		}
		return true
	}
}

// tryRead reads what is there already; ErrWouldBlock when that is nothing.
func (r *rawConn) tryRead(b []byte) (int, error) {
	r.to, r.in, r.rerr = b, 0, nil
	err := r.conn.Read(r.try)
	r.to = nil
	if err != nil {
		return 0, err
	}
	return r.in, r.rerr
}

// tryOnce always reports true, so that nobody waits.
func (r *rawConn) tryOnce(fd uintptr) bool {
	for {
		n, err := syscall.Read(int(fd), r.to)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			r.rerr = ErrWouldBlock
		case err != nil:
			r.rerr = os.NewSyscallError("read", err)
		case n == 0:
			r.rerr = io.EOF
		default:
			r.in = n
		}
		return true
	}
}

func (r *rawConn) tryWrite(b []byte) (int, error) {
	r.out, r.sent, r.werr = b, 0, nil
	err := r.conn.Write(r.write)
	r.out = nil
	if err != nil {
		return r.sent, err
	}
	return r.sent, r.werr
}

// writeOnce always reports true, so that nobody waits.
func (r *rawConn) writeOnce(fd uintptr) bool {
	for r.sent < len(r.out) {
		n, err := syscall.Write(int(fd), r.out[r.sent:])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			r.werr = ErrWouldBlock
			return true
		case err != nil:
			r.werr = os.NewSyscallError("write", err)
			return true
		default:
			r.sent += n
		}
	}
	return true
}
