package vfs

import (
	"errors"
	"io"
	"io/fs"
	"math/bits"
	"path/filepath"
	"strings"
	"sync"
)

// Kind is what is done to a file system; kinds are joined with |.
type Kind uint32

const (
	OpOpen Kind = 1 << iota // Open and OpenReadWrite
	OpCreate
	OpAppend
	OpRename
	OpRemove
	OpMakeDirs
	OpSyncDir
	OpList
	OpStat // of a name, and the Size of a file
	OpRead
	OpWrite
	OpTruncate
	OpSync
	OpClose
	OpLock

	// OpChange is all that changes what is on the disk, now or by a sync.
	OpChange = OpCreate | OpAppend | OpRename | OpRemove | OpMakeDirs | OpSyncDir | OpWrite | OpTruncate | OpSync
)

var kindNames = []string{"open", "create", "append", "rename", "remove", "mkdir", "syncdir", "list", "stat", "read", "write", "truncate", "sync", "close", "lock"}

// String joins the names of the kinds with |.
func (k Kind) String() string {
	var names []string
	for i, name := range kindNames {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

// Op is one operation.
type Op struct {
	Kind  Kind
	Name  string // of the file or directory, as it was given
	Bytes int    // to be read or written
}

// Rule makes operations fail.
type Rule struct {
	Kinds   Kind   // which operations; 0: all
	Name    string // pattern of path/filepath.Match for the last element of the name; "": all
	Skip    int    // so many of them succeed first
	Times   int    // so many fail then; 0: all
	Err     error
	Partial int // so many bytes of a read or write that fails are done
}

// ErrKilled is for rules by which a process dies: it can do nothing more.
var ErrKilled = errors.New("the process was killed")

// Partial is an error of a hook that lets a read or write be done in part before it fails with Err.
type Partial struct {
	Bytes int
	Err   error
}

func (p *Partial) Error() string { return p.Err.Error() }
func (p *Partial) Unwrap() error { return p.Err }

// Fault is a file system that fails on demand, by rules ([Fault.Inject]), by a hook that sees each
// operation, and by a limit of space ([Fault.SetSpace]); operations that do not fail are passed on. It
// counts what it sees, so that a test can end a run at each operation in turn:
//
//	for n := 0; ; n++ {
//		disk := vfs.NewMem()
//		process := vfs.NewFault(disk)
//		process.Inject(vfs.Rule{Kinds: vfs.OpChange, Skip: n, Err: vfs.ErrKilled})
//		run(process)
//		check(disk.Crash(vfs.PowerLoss(seed)))
//		if process.Count(vfs.OpChange) <= n {
//			break // it came to its end
//		}
//	}
//
// A Sync of a file of a [Mem] that is made to fail gives up what it should have put on the disk.
type Fault struct {
	fs FS

	// OnOp is called before each operation, which fails with the error that it returns; see [Partial]. It
	// may use the underlying file system. Set it before the Fault is in use.
	OnOp func(Op) error

	mu    sync.Mutex // guards what follows
	rules []*rule
	count [32]int // by kind
	space space
}

// rule is a Rule and how often it was met.
type rule struct {
	Rule
	met int
}

// NewFault returns a file system that fails as told, and passes on to f what does not fail.
func NewFault(f FS) *Fault { return &Fault{fs: f} }

// Inject adds a rule. The first one that makes an operation fail decides how; all that it matches count.
func (f *Fault) Inject(r Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, &rule{Rule: r})
}

// Heal forgets the rules. The hook, the counts and the limit of space stay.
func (f *Fault) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// Count is how many operations of these kinds there were, those that failed included.
func (f *Fault) Count(kinds Kind) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, count := range f.count {
		if kinds&(1<<i) != 0 {
			n += count
		}
	}
	return n
}

// begin says whether an operation is to fail.
func (f *Fault) begin(op Op) error {
	err := f.judge(op)
	if f.OnOp != nil {
		err = errors.Join(err, f.OnOp(op))
	}
	if err != nil {
		return &fs.PathError{Op: op.Kind.String(), Path: op.Name, Err: err}
	}
	return nil
}

func (f *Fault) judge(op Op) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[bits.TrailingZeros32(uint32(op.Kind))]++
	for _, r := range f.rules {
		if failed := r.judge(op); err == nil {
			err = failed
		}
	}
	return err
}

func (r *rule) judge(op Op) error {
	if r.Kinds != 0 && r.Kinds&op.Kind == 0 {
		return nil
	}
	if match, err := filepath.Match(r.Name, filepath.Base(op.Name)); r.Name != "" && (!match || err != nil) {
		return err
	}
	r.met++
	if r.met <= r.Skip || r.Times > 0 && r.met > r.Skip+r.Times {
		return nil
	}
	return &Partial{Bytes: r.Partial, Err: r.Err}
}

func (f *Fault) Open(name string) (File, error) { return f.open(OpOpen, name, f.fs.Open) }

func (f *Fault) OpenReadWrite(name string) (File, error) {
	return f.open(OpOpen, name, f.fs.OpenReadWrite)
}

func (f *Fault) Append(name string) (File, error) {
	file, err := f.open(OpAppend, name, f.fs.Append)
	if err == nil {
		file.(*faultFile).appends = true
	}
	return file, err
}

func (f *Fault) Create(name string) (File, error) {
	return f.open(OpCreate, name, func(name string) (File, error) {
		before := f.sizeOf(name)
		file, err := f.fs.Create(name)
		if err == nil {
			f.giveBack(before)
		}
		return file, err
	})
}

func (f *Fault) open(kind Kind, name string, open func(string) (File, error)) (File, error) {
	if err := f.begin(Op{Kind: kind, Name: name}); err != nil {
		return nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultFile{file: file, fault: f, name: name}, nil
}

// Rename is an operation on the name that it gives.
func (f *Fault) Rename(from, to string) error {
	if err := f.begin(Op{Kind: OpRename, Name: to}); err != nil {
		return err
	}
	return f.freeing(to, func() error { return f.fs.Rename(from, to) })
}

func (f *Fault) Remove(name string) error {
	if err := f.begin(Op{Kind: OpRemove, Name: name}); err != nil {
		return err
	}
	return f.freeing(name, func() error { return f.fs.Remove(name) })
}

func (f *Fault) MakeDirs(name string) error {
	if err := f.begin(Op{Kind: OpMakeDirs, Name: name}); err != nil {
		return err
	}
	return f.fs.MakeDirs(name)
}

func (f *Fault) SyncDir(dir string) error {
	if err := f.begin(Op{Kind: OpSyncDir, Name: dir}); err != nil {
		return err
	}
	return f.fs.SyncDir(dir)
}

func (f *Fault) List(dir string) ([]string, error) {
	if err := f.begin(Op{Kind: OpList, Name: dir}); err != nil {
		return nil, err
	}
	return f.fs.List(dir)
}

func (f *Fault) Stat(name string) (fs.FileInfo, error) {
	if err := f.begin(Op{Kind: OpStat, Name: name}); err != nil {
		return nil, err
	}
	return f.fs.Stat(name)
}

func (f *Fault) Lock(name string) (io.Closer, error) {
	if err := f.begin(Op{Kind: OpLock, Name: name}); err != nil {
		return nil, err
	}
	return f.fs.Lock(name)
}
