package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// The modes of files that are made for others to read, and for their owner alone.
const (
	publicMode  = 0o644
	privateMode = 0o600
)

// maxInput bounds what is read of a file that somebody names as a key or a document, in bytes.
const maxInput = 4 << 20

// readInput reads a file, or stdin if its name is "-".
func (c *console) readInput(name string) ([]byte, error) {
	in := c.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err == nil && len(data) > maxInput {
		err = fmt.Errorf("%s has more than %s", name, bytesText(maxInput))
	}
	return data, err
}

// writeNew makes a file with this content and mode. One that is there already is an error, unless force says to
// replace it.
func writeNew(path string, data []byte, mode fs.FileMode, force bool) error {
	if force {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists; --force replaces it", path)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err != nil {
		os.Remove(path)
	}
	return err
}

// absent is an error if one of the files is there and must not be replaced.
func absent(force bool, paths ...string) error {
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil && !force {
			return fmt.Errorf("%s exists; --force replaces it", path)
		}
	}
	return nil
}
