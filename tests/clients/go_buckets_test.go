package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"myelin/internal/testkit"
)

// update waits for the next change of a bucket, and shows it.
func update(t *testing.T, w jetstream.KeyWatcher) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	select {
	case e := <-w.Updates():
		if e == nil {
			return "all"
		}
		return fmt.Sprint(e.Key(), " ", e.Operation(), " ", string(e.Value()))
	case <-ctx.Done():
		t.Fatal("waited in vain for a change")
		return ""
	}
}

func watchBucket(t *testing.T, server *testkit.Server) {
	kv := bucket(t, server, "watched")
	put(t, kv, "a", "one", 1)
	put(t, kv, "b.c", "two", 2)
	put(t, kv, "a", "three", 3)
	w, err := kv.WatchAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := []string{update(t, w), update(t, w), update(t, w)}
	put(t, kv, "d", "four", 4)
	if err := kv.Delete(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	got = append(got, update(t, w), update(t, w))
	same(t, "all changes", got, []string{
		"b.c KeyValuePutOp two", "a KeyValuePutOp three", "all", "d KeyValuePutOp four", "a KeyValueDeleteOp ",
	})
	if err := w.Stop(); err != nil {
		t.Error(err)
	}
	if w, err = kv.Watch(t.Context(), "b.*", jetstream.IncludeHistory()); err != nil {
		t.Fatal(err)
	}
	same(t, "those of some keys", []string{update(t, w), update(t, w)}, []string{"b.c KeyValuePutOp two", "all"})
	empty := bucket(t, server, "unwatched")
	if w, err = empty.WatchAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "those of an empty bucket", []string{update(t, w)}, []string{"all"})
}

func keysAndHistory(t *testing.T, server *testkit.Server) {
	kv := bucket(t, server, "history")
	for i := range 3 {
		put(t, kv, "a", fmt.Sprint(i), uint64(i+1))
	}
	put(t, kv, "b", "x", 4)
	put(t, kv, "c", "y", 5)
	if err := kv.Delete(t.Context(), "c"); err != nil {
		t.Error(err)
	}
	keys, err := kv.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	same(t, "the keys", keys, []string{"a", "b"})
	history, err := kv.History(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range history {
		got = append(got, string(e.Value()))
	}
	same(t, "the history", got, texts(0, 3))
	if err := kv.PurgeDeletes(t.Context(), jetstream.DeleteMarkersOlderThan(-1)); err != nil {
		t.Error(err)
	}
}

func objectStore(t *testing.T, server *testkit.Server) {
	objects, err := store(t, server).CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: "objects"})
	if err != nil {
		t.Fatal(err)
	}
	w, err := objects.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Stop(); err != nil {
			t.Error(err)
		}
	}()
	content := bytes.Repeat([]byte("0123456789abcdef"), 40_000) // several chunks
	if _, err := objects.PutBytes(t.Context(), "large", content); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.PutString(t.Context(), "small", "ünïcödé"); err != nil {
		t.Fatal(err)
	}
	if got, err := objects.GetBytes(t.Context(), "large"); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the large one has %d bytes, %v", len(got), err)
	}
	if got, err := objects.GetString(t.Context(), "small"); err != nil || got != "ünïcödé" {
		t.Errorf("the small one is %q, %v", got, err)
	}
	list, err := objects.List(t.Context())
	if err != nil || len(list) != 2 {
		t.Errorf("the list is %v, %v", list, err)
	}
	if err := objects.Delete(t.Context(), "large"); err != nil {
		t.Error(err)
	}
	if _, err := objects.Get(t.Context(), "large"); !errors.Is(err, jetstream.ErrObjectNotFound) {
		t.Errorf("get what was deleted: %v", err)
	}
	var seen []string
	for len(seen) < 4 {
		select {
		case o := <-w.Updates():
			name := "all"
			if o != nil {
				name = fmt.Sprint(o.Name, " ", o.Deleted)
			}
			seen = append(seen, name)
		case <-t.Context().Done():
			t.Fatal("waited in vain for a change")
		}
	}
	same(t, "the changes", seen, []string{"all", "large false", "small false", "large true"})
}
