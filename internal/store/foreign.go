// Package store knows what lies in store folders, as far as that concerns no single format: which of them are
// not ours. The formats have packages of their own below this one.
package store

import (
	"errors"
	"io/fs"
	"path/filepath"

	"myelin/internal/vfs"
)

// What a nats-server keeps in its store folder, as version 2.15 leaves it; those before it did the same:
//
//	<store_dir>/jetstream/
//	    <account>/streams/<stream>/meta.inf    how a stream is configured
//	                               msgs/       its messages
//	                               obs/        its consumers
//	    <account>/_js_/<group>/                the raft logs of a cluster
//
// Neither a folder without streams nor an account without any is worth a refusal.
const (
	stockFolder  = "jetstream"
	stockStreams = "streams"
	stockMeta    = "meta.inf"
	stockMsgs    = "msgs"
	stockRaft    = "_js_"
)

// Foreign looks for what a nats-server has stored in a folder, which may be the store_dir of a configuration
// or the folder called jetstream in it. If there is something, path is the first account's folder that holds it.
// Nothing is opened nor changed. A folder that does not exist holds nothing; errors are those of the file system.
func Foreign(f vfs.FS, dir string) (path string, found bool, err error) {
	for _, root := range []string{dir, filepath.Join(dir, stockFolder)} {
		accounts, err := folders(f, root)
		if err != nil {
			return "", false, err
		}
		for _, account := range accounts {
			if found, err = stockAccount(f, account); found || err != nil {
				return account, found, err
			}
		}
	}
	return "", false, nil
}

// stockAccount says whether a folder is that of an account which has something in a nats-server.
func stockAccount(f vfs.FS, account string) (bool, error) {
	groups, err := folders(f, filepath.Join(account, stockRaft))
	if err != nil || len(groups) > 0 {
		return len(groups) > 0, err
	}
	streams, err := folders(f, filepath.Join(account, stockStreams))
	if err != nil {
		return false, err
	}
	for _, stream := range streams {
		for _, name := range []string{stockMeta, stockMsgs} {
			there, err := exists(f, filepath.Join(stream, name))
			if there || err != nil {
				return there, err
			}
		}
	}
	return false, nil
}

// folders returns the paths of the folders in a folder, by name. One that does not exist, or is a file, has none.
func folders(f vfs.FS, dir string) ([]string, error) {
	if is, err := isFolder(f, dir); !is || err != nil {
		return nil, err
	}
	names, err := f.List(dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, name := range names {
		path := filepath.Join(dir, name)
		is, err := isFolder(f, path)
		if err != nil {
			return nil, err
		}
		if is {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

func isFolder(f vfs.FS, path string) (bool, error) {
	info, err := f.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.IsDir(), err
}

func exists(f vfs.FS, path string) (bool, error) {
	_, err := f.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
