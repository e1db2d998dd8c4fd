package engine

import (
	"path/filepath"
	"strconv"
)

// The store folder of a node:
//
//	<dir>/myelin/
//	    lock                     held while a server uses the folder
//	    wipe                     there while the log has copies of erased messages
//	    log/                     the log of all groups, see store/wal/format.md
//	    groups/<id>/checkpoint   the newest checkpoint of a group, see checkpoint.go
//	    groups/<id>/messages/    the files of a stream, see store/segment/format.md
//
// Group 1 knows what exists; the others are streams, whose number never comes again.
const (
	ownFolder      = "myelin"
	lockFile       = "lock"
	wipeFile       = "wipe"
	logFolder      = "log"
	groupsFolder   = "groups"
	messagesFolder = "messages"
	checkpointFile = "checkpoint"
)

// metaGroup is the group that knows what exists.
const metaGroup = 1

// Layout names the places in a store folder.
type Layout struct{ dir string }

// NewLayout returns the layout of the store in dir.
func NewLayout(dir string) Layout { return Layout{filepath.Join(dir, ownFolder)} }

// Dir is the folder that holds everything.
func (l Layout) Dir() string { return l.dir }

// Lock is the file that the server which uses the folder holds locked.
func (l Layout) Lock() string { return filepath.Join(l.dir, lockFile) }

// Wipe is the file that says that the log has copies of erased messages.
func (l Layout) Wipe() string { return filepath.Join(l.dir, wipeFile) }

// Log is the folder of the log.
func (l Layout) Log() string { return filepath.Join(l.dir, logFolder) }

// Groups is the folder of all groups.
func (l Layout) Groups() string { return filepath.Join(l.dir, groupsFolder) }

// Group is the folder of a group.
func (l Layout) Group(id uint64) string {
	return filepath.Join(l.Groups(), strconv.FormatUint(id, 10))
}

// Messages is the folder of a stream's message files.
func (l Layout) Messages(id uint64) string { return filepath.Join(l.Group(id), messagesFolder) }

// Checkpoint is the file of a group's newest checkpoint.
func (l Layout) Checkpoint(id uint64) string { return filepath.Join(l.Group(id), checkpointFile) }
