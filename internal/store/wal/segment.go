package wal

import (
	"fmt"
	"path/filepath"
	"strings"

	"myelin/internal/vfs"
)

// segment is one file of the log. It belongs to the holder of the token.
type segment struct {
	number uint64
	name   string
	size   int64
	seed   seeder
	file   vfs.File // nil: not open

	end    int64 // behind the last block
	synced int64 // all before is on the disk

	tableEnd int64 // behind the first block, of which no part comes from a batch
	clean    bool  // behind end there is nothing from an earlier use of the file

	last   bool // holds the reserve: for priority batches only
	sealed bool // takes no more blocks
	refs   int  // groups with live entries here
}

const segmentPrefix, freePrefix, cutPrefix, segmentSuffix, cutSuffix = "seg-", "free-", "cut-", ".wal", ".tail"

func segmentName(number uint64) string {
	return fmt.Sprintf("%s%016x%s", segmentPrefix, number, segmentSuffix)
}

func freeName(number uint64) string {
	return fmt.Sprintf("%s%016x%s", freePrefix, number, segmentSuffix)
}

func cutName(number uint64, offset int64) string {
	return fmt.Sprintf("%s%016x-%016x%s", cutPrefix, number, offset, cutSuffix)
}

// parseName returns the number in a file name of the given kind.
func parseName(name, prefix string) (number uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	if digits, ok = strings.CutSuffix(digits, segmentSuffix); !ok || len(digits) != 16 {
		return 0, false
	}
	_, err := fmt.Sscanf(digits, "%016x", &number)
	return number, err == nil && fmt.Sprintf("%016x", number) == digits
}

// open opens the file for writing unless it is open.
func (s *segment) open(fs vfs.FS, dir string) (err error) {
	if s.file == nil {
		s.file, err = fs.OpenReadWrite(filepath.Join(dir, s.name))
	}
	return err
}

func (s *segment) close() {
	if s.file != nil {
		// Nothing that counts is lost with an error here: what matters was synced.
		_ = s.file.Close()
		s.file = nil
	}
}

// room is how many bytes of blocks fit, with the block header that always must.
func (s *segment) room() int64 {
	if s.sealed {
		return 0
	}
	return s.size - s.end - blockHeaderBytes
}
