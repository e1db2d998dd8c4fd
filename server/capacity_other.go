//go:build !unix || solaris || netbsd

package server

// freeSpace is not known here.
func freeSpace(string) int64 { return unknownSpace }
