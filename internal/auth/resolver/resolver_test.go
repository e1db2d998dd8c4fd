package resolver

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"myelin/internal/clock"
	"myelin/internal/vfs"
)

var start = time.Date(2030, 5, 6, 12, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func key() string { return must(must(nkeys.CreateAccount()).PublicKey()) }

// token is something that looks like a JWT.
func token(issued, expires int64) string {
	body := fmt.Sprintf(`{"iat":%d,"exp":%d}`, issued, expires)
	return "a." + base64.RawURLEncoding.EncodeToString([]byte(body)) + ".b"
}

func options(fs vfs.FS, c clock.Clock) DirectoryOptions {
	return DirectoryOptions{FS: fs, Dir: "jwt", Clock: c, KeepErased: true}
}

func TestDirectory(t *testing.T) {
	fs := vfs.NewMem()
	c := clock.NewFake(start)
	d := must(OpenDirectory(options(fs, c)))
	a, b := key(), key()
	if _, err := d.Fetch(a); err != ErrUnknown {
		t.Errorf("nothing is there: %v", err)
	}
	for _, id := range []string{"", "../x", "x/y", strings.Repeat("B", 56)} {
		_, err := d.Fetch(id)
		if err != ErrKey || d.Save(id, "x") != ErrKey || d.Delete(id) != ErrKey {
			t.Errorf("%q is no account: %v", id, err)
		}
	}
	soon := token(1, start.Unix()+10)
	if err := errors.Join(d.Save(a, token(1, 0)), d.Save(b, soon)); err != nil {
		t.Fatal(err)
	}
	if got := must(d.Fetch(b)); got != soon {
		t.Errorf("got %q", got)
	}
	d = must(OpenDirectory(options(fs, c)))
	if got := d.List(); len(got) != 2 || !slices.IsSorted(got) {
		t.Errorf("opened again: %v", got)
	}
	c.Advance(10 * time.Second)
	if got := d.List(); !slices.Equal(got, []string{a}) {
		t.Errorf("one has expired: %v", got)
	}
	if err := d.Delete(a); err != nil || d.Delete(a) != ErrUnknown {
		t.Errorf("delete: %v", err)
	}
	if names := must(fs.List("jwt")); !slices.Contains(names, a+".jwt.deleted") {
		t.Errorf("what was deleted is gone: %v", names)
	}
	if _, err := d.Fetch(a); err != ErrUnknown {
		t.Errorf("deleted: %v", err)
	}
}

func TestPreload(t *testing.T) {
	d := must(OpenDirectory(options(vfs.NewMem(), clock.NewFake(start))))
	older, newer, id := token(1, 0), token(2, 0), key()
	for _, step := range []struct{ given, want string }{{older, older}, {newer, newer}, {older, newer}} {
		if err := d.Preload(map[string]string{id: step.given}); err != nil {
			t.Fatal(err)
		}
		if got := must(d.Fetch(id)); got != step.want {
			t.Errorf("after %q there is %q", step.given, got)
		}
	}
	if d.Preload(map[string]string{"../x": "y"}) == nil {
		t.Error("a path is no account")
	}
}

func TestLimits(t *testing.T) {
	c := clock.NewFake(start)
	opt := options(vfs.NewMem(), c)
	opt.Limit = 2
	d := must(OpenDirectory(opt))
	ids := []string{key(), key(), key()}
	if err := errors.Join(d.Save(ids[0], "a"), d.Save(ids[1], "b"), d.Save(ids[0], "c")); err != nil || d.Save(ids[2], "d") != ErrFull {
		t.Errorf("two may be there: %v", err)
	}
	opt.Evict, opt.TTL = true, time.Minute
	d = must(OpenDirectory(opt))
	must(d.Fetch(ids[1]))
	must(d.Fetch(ids[0]))
	if err := d.Save(ids[2], "d"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Fetch(ids[1]); err != ErrUnknown {
		t.Errorf("the one that was used before the other is still there: %v", err)
	}
	c.Advance(time.Minute)
	if _, err := d.Fetch(ids[2]); err != ErrUnknown {
		t.Errorf("is too old: %v", err)
	}
}

// TestCrash checks that a crash leaves the JWT from before or the new one.
func TestCrash(t *testing.T) {
	for seed := range uint64(50) {
		fs := vfs.NewMem()
		c := clock.NewFake(start)
		d := must(OpenDirectory(options(fs, c)))
		id := key()
		if err := d.Save(id, token(1, 0)); err != nil {
			t.Fatal(err)
		}
		// The second is cut off before its last step.
		if err := vfs.WriteFile(fs, filepath.Join("jwt", id+".jwt.new"), []byte(token(2, 0))); err != nil {
			t.Fatal(err)
		}
		d = must(OpenDirectory(options(fs.Crash(vfs.PowerLoss(seed)), c)))
		if got, err := d.Fetch(id); err != nil || got != token(1, 0) {
			t.Fatalf("seed %d: %q, %v", seed, got, err)
		}
		if names := must(d.opt.FS.List("jwt")); len(names) != 1 {
			t.Errorf("seed %d: left behind: %v", seed, names)
		}
	}
}

func TestURL(t *testing.T) {
	id := key()
	answers := map[string]string{"/accounts/" + id: " token\n", "/big/" + id: strings.Repeat("x", jwt.MaxTokenSize+1), "/empty/" + id: ""}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text, ok := answers[r.URL.Path]; ok {
			fmt.Fprint(w, text)
			return
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	for _, row := range []struct{ path, id, want string }{
		{"/accounts/", id, ""}, {"/accounts/", key(), "404"}, {"/big/", id, "too large"}, {"/empty/", id, "empty"}, {"/accounts/", "../x", ErrKey.Error()},
	} {
		u := &URL{Prefix: server.URL + row.path, Timeout: time.Minute}
		got, err := u.Fetch(row.id)
		if row.want == "" && (err != nil || got != "token") || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: %q, %v", row.path, got, err)
		}
	}
}

func TestCache(t *testing.T) {
	id := key()
	bad, errBad := key(), errors.New("bad")
	behind := Memory{id: "x", bad: "y"}
	c := &Cache{
		Directory: must(OpenDirectory(options(vfs.NewMem(), clock.NewFake(start)))), Behind: behind,
		Good: func(id, _ string) error {
			if id == bad {
				return errBad
			}
			return nil
		},
	}
	for range 2 {
		if got, err := c.Fetch(id); err != nil || got != "x" {
			t.Errorf("%q, %v", got, err)
		}
		delete(behind, id)
	}
	if _, err := c.Fetch(key()); err != ErrUnknown {
		t.Error(err)
	}
	if _, err := c.Fetch(bad); err != errBad || slices.Contains(c.List(), bad) {
		t.Errorf("what is not good: %v, %v", err, c.List())
	}
}
