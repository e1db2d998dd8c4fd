package loadgen

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"myelin/internal/vfs"
)

// A Store says whether the servers of a case store messages, and when what
// they acknowledge has to be on the disk.
type Store uint8

// The stores. Both servers get the same settings.
const (
	NoStore    Store = iota // JetStream stays off
	OwnSync                 // each server syncs when it does by default
	AlwaysSync              // sync_interval is "always": no acknowledgement before the sync
)

// prepare makes a folder below parent for a store of its own and returns it
// with the arguments that make a server use it; "" and none for NoStore.
func (s Store) prepare(parent string) (dir string, args []string, err error) {
	if s == NoStore {
		return "", nil, nil
	}
	if dir, err = os.MkdirTemp(parent, "bench-store-"); err != nil {
		return "", nil, err
	}
	store := filepath.Join(dir, "store")
	if s == OwnSync {
		return dir, []string{"-js", "-sd", store}, nil
	}
	file := filepath.Join(dir, "server.conf")
	text := fmt.Sprintf("jetstream { store_dir: %q, sync_interval: always }\n", store)
	return dir, []string{"-c", file}, os.WriteFile(file, []byte(text), 0o600)
}

// scaled returns n times the suite's scale.
func (e *Env) scaled(n int) int { return max(1, int(float64(n)*e.Scale)) }

// reopen starts the server again, after it has ended, and returns how long it
// took until ready said so, which is asked again and again until it does.
func (e *Env) reopen(ctx context.Context, ready func(*apiClient) (bool, error)) (time.Duration, error) {
	start := time.Now()
	server, err := e.Start(ctx)
	if err != nil {
		return 0, err
	}
	e.Server = server
	st := newStage(ctx, e.dialer())
	defer st.close()
	api, err := st.api()
	if err != nil {
		return 0, err
	}
	var failed error
	err = await(st.ctx, "serve all that was stored", func() bool {
		var done bool
		done, failed = ready(api)
		return done
	})
	if err != nil && failed != nil {
		err = fmt.Errorf("%w; last: %w", err, failed)
	}
	return time.Since(start), err
}

const (
	diskSyncs     = 101
	diskSyncBytes = 4 << 10
)

// diskSync measures what the disk below dir takes to write a little at the end
// of a file and sync it: the median of several.
func diskSync(dir string) (float64, error) {
	file, err := vfs.OS{}.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	data := make([]byte, diskSyncBytes)
	// The place is there before it is written to, as it is in a log that
	// recycles its files.
	for range diskSyncs {
		if _, err := file.Write(data); err != nil {
			return 0, err
		}
	}
	if err := file.Sync(); err != nil {
		return 0, err
	}
	took := make([]time.Duration, diskSyncs)
	for i := range took {
		start := time.Now()
		if _, err := file.WriteAt(data, int64(i*diskSyncBytes)); err != nil {
			return 0, err
		}
		if err := file.Sync(); err != nil {
			return 0, err
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return float64(took[diskSyncs/2]), nil
}
