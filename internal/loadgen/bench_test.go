package loadgen

import (
	"cmp"
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// testTimeout is generous: it only ends tests that hang.
const testTimeout = 5 * time.Minute

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

// subInBackground starts Sub and returns once its subscriptions stand.
func subInBackground(t *testing.T, o SubOptions) (wait func() *Result) {
	t.Helper()
	ready, done := make(chan struct{}), make(chan *Result, 1)
	o.Ready = func() { close(ready) }
	ctx := testContext(t)
	go func() {
		r, err := Sub(ctx, o)
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	select {
	case <-ready:
	case <-ctx.Done():
		t.Fatal("no subscriptions")
	}
	return func() *Result { return <-done }
}

func TestPubAndSub(t *testing.T) {
	addr := startFake(t)
	base := Options{Dialer: Dialer{Addr: addr}, Subject: "test", Clients: 2, Messages: 10_001, Size: 16}
	wait := subInBackground(t, SubOptions{Options: base, Latency: true})
	var done, total int64
	pub := PubOptions{Options: base, Stamp: true}
	pub.ServerPID = os.Getpid()
	pub.Progress = func(d, n int64) { done, total = d, n }
	sent, err := Pub(testContext(t), pub)
	if err != nil {
		t.Fatal(err)
	}
	if sent.Messages != 10_001 || sent.Bytes != 160_016 || len(sent.Workers) != 2 || sent.Duration <= 0 {
		t.Errorf("published %+v", sent)
	}
	if done != 10_001 || total != 10_001 {
		t.Errorf("progress ended at %d of %d", done, total)
	}
	got := wait()
	if got.Messages != 20_002 || got.Bytes != 320_032 || got.Latency.TotalCount() != 20_002 {
		t.Errorf("received %+v", got)
	}
}

// All subjects have their turn also when little is written at a time: whoever
// subscribes to one of ten receives every tenth message.
func TestPubOverSubjectsAtARate(t *testing.T) {
	addr := startFake(t)
	base := Options{Dialer: Dialer{Addr: addr}, Messages: 100, Size: 20_000}
	every, one, pub := base, base, base
	every.Subject, one.Subject, pub.Subject = "test.*", "test.7", "test"
	one.Messages = 10
	waitEvery := subInBackground(t, SubOptions{Options: every, Queue: "group"})
	waitOne := subInBackground(t, SubOptions{Options: one})
	if _, err := Pub(testContext(t), PubOptions{Options: pub, Subjects: 10, Rate: 5000}); err != nil {
		t.Fatal(err)
	}
	if got := waitEvery(); got.Messages != 100 || got.Bytes != 2_000_000 {
		t.Errorf("received %+v", got)
	}
	if got := waitOne(); got.Messages != 10 {
		t.Errorf("received %+v", got)
	}
}

func TestRequestAndServe(t *testing.T) {
	addr := startFake(t)
	ctx, stop := context.WithCancel(testContext(t))
	base := Options{Dialer: Dialer{Addr: addr}, Subject: "service", Clients: 3, Size: 32}
	ready, served := make(chan struct{}), make(chan *Result, 1)
	go func() {
		r, err := Serve(ctx, ServeOptions{Options: base, Queue: "group", Ready: func() { close(ready) }})
		if err != nil {
			t.Error(err)
		}
		served <- r
	}()
	<-ready
	request := RequestOptions{Options: base, InFlight: 4}
	request.Messages = 1000
	got, err := Request(testContext(t), request)
	if err != nil {
		t.Fatal(err)
	}
	if got.Messages != 1000 || got.Latency.TotalCount() != 1000 {
		t.Errorf("requested %+v", got)
	}
	stop()
	if r := <-served; r.Messages != 1000 {
		t.Errorf("served %+v", r)
	}
}

func TestRequestWithoutResponders(t *testing.T) {
	_, err := Request(testContext(t), RequestOptions{Options: Options{Dialer: Dialer{Addr: startFake(t)}, Subject: "nobody"}})
	if err == nil || !strings.Contains(err.Error(), "nobody answers") {
		t.Errorf("got %v", err)
	}
}

// The suite is run against this test binary, which plays the server.
func TestSuite(t *testing.T) {
	t.Setenv(fakeEnv, "1")
	suite := &Suite{Server: os.Args[0], Peer: os.Args[0], Match: "1to1-16B,1to4*,queue*,subjects*,request-16,latency-1to1,publishers*,churn-same,js-*",
		Runs: 1, Warmup: 10 * time.Millisecond, Window: 50 * time.Millisecond, Settle: time.Millisecond, Backlog: 256 << 10,
		Dir: t.TempDir(), Scale: 0.0002}
	report, err := suite.Run(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Rows) != 8+18 {
		t.Errorf("%d rows", len(report.Rows))
	}
	for _, row := range report.Rows {
		main := func(s Sample) float64 { return cmp.Or(s[Rate], s[Work], s[Reopen]) }
		if row.Error != "" {
			t.Errorf("%s: %s", row.Name, row.Error)
		} else if main(row.Ours[0]) <= 0 || main(row.Peer[0]) <= 0 {
			t.Errorf("%s: %v, %v", row.Name, row.Ours, row.Peer)
		}
	}
}

func TestSuiteReportsAServerThatDoesNotStart(t *testing.T) {
	suite := &Suite{Server: os.Args[0], ServerArgs: []string{"-nonsense"}, Match: "1to1-16B"}
	report, err := suite.Run(testContext(t))
	if err != nil || len(report.Rows) != 1 || !strings.Contains(report.Rows[0].Error, "it exited") {
		t.Errorf("got %+v, %v", report, err)
	}
}
