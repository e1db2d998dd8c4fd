package engine

import (
	"errors"
	"testing"

	"myelin/internal/apierr"
	"myelin/internal/meta"
	"myelin/internal/stream"
	"myelin/internal/vfs"
)

// The streams of an account together take no more than it may, each kind of storage for itself; other accounts do not
// notice. A purge makes room, and so does a change of the limits.
func TestAccountLimits(t *testing.T) {
	most := int64(20_000)
	n := mustOpen(t, vfs.NewMem(), func(o *Options) {
		o.AccountLimits = func(name string) meta.Limits {
			l := meta.Unlimited()
			if name == account {
				l.MaxStorage, l.MaxStreams, l.MaxStorageStream = most, 3, 15_000
			}
			return l
		}
	})
	first, second := n.create("A"), n.create("B")
	memory := n.create("M", func(c *stream.Config) { c.Storage = stream.Memory })
	if _, _, err := n.tryCreate("C"); !errors.Is(err, apierr.MaximumStreamsLimit.Err()) {
		t.Errorf("a stream too many: %v", err)
	}
	if _, _, err := n.Create("other", stream.Config{Name: "C", Subjects: []string{"C.>"}, MaxBytes: 100_000}, false); err != nil {
		t.Errorf("in another account: %v", err)
	}
	if _, err := n.Update(account, stream.Config{Name: "A", Subjects: []string{"A.>"}, MaxBytes: 16_000}, false); !errors.Is(err, apierr.StreamMaxStreamBytesExceeded.Err()) {
		t.Errorf("a stream that is too large: %v", err)
	}
	fill := func(s *Stream, count int) (taken int) {
		for _, r := range n.publish(s.Name()+".x", count, 1000) {
			switch {
			case r.Err == nil:
				taken++
			case !errors.Is(r.Err, apierr.AccountResourcesExceeded.Err()):
				t.Fatal(r.Err)
			}
		}
		return taken
	}
	held := func() uint64 { return first.Info().Bytes + second.Info().Bytes }
	if a, b := fill(first, 12), fill(second, 12); a != 12 || b == 0 || b == 12 || held() > uint64(most) || held() < uint64(most)-1100 {
		t.Errorf("%d and %d messages of %d bytes were taken", a, b, held())
	}
	if a, m := fill(first, 1), fill(memory, 5); a != 0 || m != 5 {
		t.Errorf("when full, %d were taken, and %d in memory", a, m)
	}
	if fill(n.Stream("other", "C"), 30) != 30 {
		t.Error("another account is limited, too")
	}
	if r := first.Propose(stream.Purge{}.Encode(nil), true); r.Err != nil {
		t.Fatal(r.Err)
	}
	if got := fill(second, 5); got != 5 {
		t.Errorf("after a purge %d of 5 were taken", got)
	}
	most = 10_000
	n.LimitsChanged()
	if fill(second, 1) != 0 {
		t.Error("a lower limit means nothing")
	}
	most = -1
	n.LimitsChanged()
	if fill(second, 20) != 20 {
		t.Error("a limit that is gone still holds")
	}
}
