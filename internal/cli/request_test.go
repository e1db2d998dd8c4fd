package cli

import (
	"testing"
	"time"
)

// The first reply has the whole timeout; further ones share it when their number is open, else they have their gap.
func TestPatience(t *testing.T) {
	for _, c := range []struct {
		replies, got int
		elapsed      time.Duration
		want         time.Duration
	}{
		{1, 0, 0, 5 * time.Second},
		{0, 0, 0, 5 * time.Second},
		{0, 3, 2 * time.Second, 3 * time.Second},
		{3, 1, time.Second, 1300 * time.Millisecond},
		{3, 2, time.Second, 800 * time.Millisecond},
	} {
		r := requester{client: &client{timeout: 5 * time.Second}, replies: c.replies, gap: 300 * time.Millisecond}
		if got := r.patience(c.got, c.elapsed); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
