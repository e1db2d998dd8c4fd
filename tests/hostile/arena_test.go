package hostile

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"myelin/internal/testkit"
)

const (
	kilobyte = 1 << 10
	megabyte = 1 << 20
)

// arena is a server under attack, with a bystander.
type arena struct {
	*testkit.Server
	t      *testing.T
	rounds atomic.Int64 // that the bystander made
	rest   func()       // lets the bystander end, if it has not

	// of the quiet server, before the attack
	memory        int64 // resident bytes
	connections   int
	subscriptions int
}

// enter starts a server with this configuration, and the bystander. Arenas of
// several tests are open at once.
func enter(t *testing.T, config string) *arena {
	t.Helper()
	t.Parallel()
	a := &arena{Server: testkit.Start(t, testkit.Options{Config: config}), t: t}
	bystander := a.join("SUB bystander 1\r\nPING\r\n")
	a.expect(bystander, "PONG")
	a.memory, a.connections, a.subscriptions = a.resident("VmRSS"), a.connected(), a.subscribed()
	a.watch(bystander)
	return a
}

// watch starts the bystander, which goes on until the end of the test or rest.
func (a *arena) watch(bystander *peer) {
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- a.bystand(bystander, stop) }()
	a.rest = sync.OnceFunc(func() {
		close(stop)
		if err := <-ended; err != nil {
			a.t.Errorf("the bystander is not served: %v", err)
		}
	})
	a.t.Cleanup(a.rest)
}

// bystand publishes and receives, message by message, until stop.
func (a *arena) bystand(p *peer, stop chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		case <-time.After(time.Millisecond): // leaves the processor to the attack
		}
		want := strconv.FormatInt(a.rounds.Load(), 10)
		if err := p.send(fmt.Sprintf("PUB bystander %d\r\n%s\r\n", len(want), want)); err != nil {
			return err
		}
		if err := p.expectMessage("MSG bystander 1 "+strconv.Itoa(len(want)), want); err != nil {
			return err
		}
		a.rounds.Add(1)
	}
}

// served waits until the bystander was served again.
func (a *arena) served() {
	a.t.Helper()
	from := a.rounds.Load()
	testkit.Eventually(a.t, "the bystander to be served", func() bool { return a.rounds.Load() >= from+2 })
}

// deserted waits until all connections and subscriptions of the attack are gone.
func (a *arena) deserted() {
	a.t.Helper()
	testkit.Eventually(a.t, "the attackers' connections to be gone", func() bool { return a.connected() == a.connections })
	testkit.Eventually(a.t, "the attackers' subscriptions to be gone", func() bool { return a.subscribed() == a.subscriptions })
}

// connected is the number of open connections.
func (a *arena) connected() int {
	a.t.Helper()
	var varz struct {
		Connections int `json:"connections"`
	}
	a.Monitor("/varz", &varz)
	return varz.Connections
}

// subscribed is the number of subscriptions; a stock server counts its own.
func (a *arena) subscribed() int {
	a.t.Helper()
	var subsz struct {
		Subscriptions int `json:"num_subscriptions"`
	}
	a.Monitor("/subsz", &subsz)
	return subsz.Subscriptions
}

// expectReason waits until the connection stands among the closed ones, and
// compares the reason that is told there with those that are fine.
func (a *arena) expectReason(p *peer, fine ...string) {
	a.t.Helper()
	var page struct {
		Connections []struct {
			Reason string `json:"reason"`
		} `json:"connections"`
	}
	testkit.Eventually(a.t, "the connection to stand among the closed ones", func() bool {
		a.Monitor(fmt.Sprintf("/connz?state=closed&cid=%d", p.cid), &page)
		return len(page.Connections) > 0
	})
	if got := page.Connections[0].Reason; !slices.Contains(fine, got) {
		a.t.Errorf("closed for the reason %q instead of %q", got, fine)
	}
}

// expectPeak fails the test if the server has ever taken that many bytes more
// than before the attack.
func (a *arena) expectPeak(most int64) {
	a.t.Helper()
	if grown := a.resident("VmHWM") - a.memory; measured() && grown > most {
		a.t.Errorf("the server's memory grew by %d MiB; %d would be fine", grown/megabyte, most/megabyte)
	}
}

// shrinks waits until the server holds no more than so many bytes above what it
// had before the attack. It gives memory back when it has been quiet for a
// while, so the bystander ends.
func (a *arena) shrinks(most int64) {
	a.t.Helper()
	a.rest()
	if !measured() {
		return
	}
	const patience = 4 * testkit.Patience
	for end := time.Now().Add(patience); a.resident("VmRSS")-a.memory > most; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			a.t.Fatalf("the server keeps %d MiB; %d would be fine", (a.resident("VmRSS")-a.memory)/megabyte, most/megabyte)
		}
	}
}

// measured reports whether bounds on memory say anything here.
func measured() bool {
	_, err := os.Stat("/proc/self/status")
	return err == nil && !underRace && testkit.OwnBinary()
}

// resident reads a field of the server's status, in bytes: VmRSS for its
// resident memory, VmHWM for the most that this ever was. It is 0 where the
// system does not tell.
func (a *arena) resident(field string) int64 {
	a.t.Helper()
	if !measured() {
		return 0
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.Pid()))
	if err != nil {
		a.t.Fatalf("read the server's memory: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			size, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				a.t.Fatalf("read the server's memory in %q: %v", line, err)
			}
			return size * kilobyte
		}
	}
	a.t.Fatalf("the server's status has no %s", field)
	return 0
}

// work is the processor time that the server takes for so many rounds of the
// bystander.
func (a *arena) work(rounds int64) time.Duration {
	a.t.Helper()
	before, from := a.processorTime(), a.rounds.Load()
	testkit.Eventually(a.t, "rounds of the bystander", func() bool { return a.rounds.Load() >= from+rounds })
	return a.processorTime() - before
}

// processorTime is how long the server has kept processors busy; 0 where that
// is not measured.
func (a *arena) processorTime() time.Duration {
	a.t.Helper()
	if !measured() {
		return 0
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.Pid()))
	if err != nil {
		a.t.Fatalf("read the server's processor time: %v", err)
	}
	var user, system int64
	fields := strings.Fields(string(stat))
	if _, err := fmt.Sscan(fields[13]+" "+fields[14], &user, &system); err != nil {
		a.t.Fatalf("read the server's processor time in %q: %v", stat, err)
	}
	const tick = 10 * time.Millisecond
	return time.Duration(user+system) * tick
}

// many is the size of an attack: a tenth of it under the race detector.
func many(count int) int {
	if underRace {
		return count / 10
	}
	return count
}
