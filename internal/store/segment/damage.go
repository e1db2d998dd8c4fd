package segment

import (
	"errors"
	"fmt"

	"myelin/internal/store/seal"
)

// ErrNotFound says that the set holds no record for a sequence: it was never written, dropped or erased.
var ErrNotFound = errors.New("no record for this sequence")

// ErrFailed says that a write or sync failed earlier: nothing is written until the set is opened anew.
var ErrFailed = errors.New("segment files take no more writes after a failure")

// ErrReadOnly says that the set was opened to be looked into only.
var ErrReadOnly = errors.New("segment files were opened for reading only")

// ErrClosed says that the set was closed.
var ErrClosed = errors.New("segment files are closed")

// ErrOrder says that a record does not follow the last one.
var ErrOrder = errors.New("sequence does not follow the last one written")

// Damage is something in a file that is not as it was written. It is left as it is.
type Damage struct {
	File   string
	Offset int64
	// Next is the first sequence behind the damage that is known to be readable, 0 when there is none in
	// this file.
	Next uint64
	// Cut is how many bytes were cut from the end of the file, since they were never synced: that is no
	// damage, but what a crash leaves. 0 otherwise.
	Cut int64
	Err error

	from uint64 // the first sequence that a reader was to see next
}

func (d *Damage) Error() string {
	if d.Cut > 0 {
		return fmt.Sprintf("segment %s: cut %d bytes at offset %d that were never synced: %v", d.File, d.Cut, d.Offset, d.Err)
	}
	return fmt.Sprintf("segment %s: damaged at offset %d: %v", d.File, d.Offset, d.Err)
}

func (d *Damage) Unwrap() error { return d.Err }

// isDamage tells what the content of a file is to blame for from failures to read it.
func isDamage(err error) bool {
	for _, known := range []error{errHead, errPayload, errEnd, errFrame, errHeader, errForeign, errVersion, errTrailer, errIndex, errNoKey, seal.ErrForged} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
