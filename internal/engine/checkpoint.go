package engine

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"

	"myelin/internal/bin"
	"myelin/internal/replica"
	"myelin/internal/store/seal"
	"myelin/internal/vfs"
)

// A checkpoint file, which is an envelope of package seal where there are keys, is what replica.Checkpoint encodes, followed by
//
//	u64  the last sequence that the stream's files were known to hold, see segment.Options.Synced
//	u32  CRC-32C of these eight bytes
const checkpointTrailer = 12

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// writeCheckpoint makes a checkpoint of a group durable in place of the one before, and the group's folder
// with it.
func (e *Engine) writeCheckpoint(group uint64, c *replica.Checkpoint, synced uint64) error {
	name := e.layout.Checkpoint(group)
	if err := e.fs.MakeDirs(filepath.Dir(name)); err != nil {
		return fmt.Errorf("make the folder of a checkpoint: %w", err)
	}
	if err := e.fs.SyncDir(e.layout.Groups()); err != nil {
		return fmt.Errorf("sync %s: %w", e.layout.Groups(), err)
	}
	data := c.Append(nil)
	at := len(data)
	data = bin.AppendU64(data, synced)
	data = bin.AppendU32(data, crc32.Checksum(data[at:], castagnoli))
	data, err := e.keys.Wrap(nil, data, sealedPlace(group))
	if err != nil {
		return fmt.Errorf("encrypt %s: %w", name, err)
	}
	if err := vfs.ReplaceFile(e.fs, name, data); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// ReadCheckpoint returns the newest checkpoint of a group, or nil if there is none, and the last sequence that the
// stream's files were known to hold.
func (l Layout) ReadCheckpoint(f vfs.FS, keys *seal.Keys, group uint64) (c *replica.Checkpoint, synced uint64, err error) {
	name := l.Checkpoint(group)
	data, err := vfs.ReadFile(f, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", name, err)
	}
	if data, err = keys.Unwrap(data, sealedPlace(group)); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", name, err)
	}
	at := len(data) - checkpointTrailer
	if at < 0 || crc32.Checksum(data[at:at+8], castagnoli) != bin.NewReader(data[at+8:]).U32() {
		return nil, 0, fmt.Errorf("%s at %d: %w", name, max(at, 0), replica.ErrDamaged)
	}
	if c, err = replica.DecodeCheckpoint(data[:at]); err != nil {
		return nil, 0, fmt.Errorf("%s at 0: %w", name, err)
	}
	return c, bin.NewReader(data[at:]).U64(), nil
}

// sealedPlace is what the checkpoint of a group is bound to when it is encrypted.
func sealedPlace(group uint64) string { return fmt.Sprintf("checkpoint of group %d", group) }
