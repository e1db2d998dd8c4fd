//go:build unix && !solaris && !netbsd

package server

import "golang.org/x/sys/unix"

// freeSpace is how many bytes an ordinary user may still write in the file system of a folder.
func freeSpace(dir string) int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return unknownSpace
	}
	return int64(uint64(st.Bavail) * uint64(st.Bsize))
}
