//go:build !linux

package vfs

import "os"

// syncFile reaches the disk itself: on macOS package os asks for that, where fsync stops at its cache.
func syncFile(f *os.File) error { return f.Sync() }
