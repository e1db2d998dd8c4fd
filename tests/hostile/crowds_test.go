package hostile

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A thousand clients that come and go at once, each in another state, take
// nothing from those that stay: a flow of messages arrives whole and in order.
func TestConnectionStorm(t *testing.T) {
	a := enter(t, "")
	stormed := make(chan struct{})
	flowed := make(chan error, 1)
	publisher, subscriber := a.join(""), a.join("SUB flow.x 1\r\nPING\r\n")
	a.expect(subscriber, "PONG")
	go func() { flowed <- flow(publisher, subscriber, stormed) }()
	a.crowd(16, 1_000, func(i int) error {
		p, err := a.dial()
		if err != nil {
			return err
		}
		switch i % 6 {
		case 0:
			return p.Close()
		case 1:
			return firstError(p.send(`CONNECT {"verb`), p.reset())
		case 2:
			return firstError(p.send(quiet+"SUB storm.* 1\r\nSUB storm.x q 2\r\n"), p.Close())
		case 3:
			return firstError(p.send(quiet+"SUB storm.> 1\r\nPUB storm.x 2\r\nhi\r\nPUB storm.x 200\r\nhalf"), p.reset())
		case 4:
			return firstError(p.send(quiet+"SUB flow.* q 1\r\nPUB storm.x 2\r\nhi\r\nPING\r\n"), p.readUntil("PONG"), p.reset())
		default:
			return firstError(p.send(quiet+"NONSENSE\r\n"), p.drain(), p.Close())
		}
	})
	close(stormed)
	if err := <-flowed; err != nil {
		t.Fatal(err)
	}
	publisher.Close()
	subscriber.Close()
	a.deserted()
	a.served()
	a.expectPeak(64 * megabyte)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// flow publishes numbers to itself, some at a time, until the end is near.
func flow(publisher, subscriber *peer, ended chan struct{}) error {
	const together = 100
	for number := 0; ; {
		select {
		case <-ended:
			return nil
		default:
		}
		var burst strings.Builder
		for i := range together {
			text := strconv.Itoa(number + i)
			fmt.Fprintf(&burst, "PUB flow.x %d\r\n%s\r\n", len(text), text)
		}
		if err := publisher.send(burst.String()); err != nil {
			return err
		}
		for range together {
			text := strconv.Itoa(number)
			if err := subscriber.expectMessage(fmt.Sprintf("MSG flow.x 1 %d", len(text)), text); err != nil {
				return err
			}
			number++
		}
	}
}

// Clients whose connection breaks in the middle of a payload leave nothing
// behind, neither subscriptions nor half a message.
func TestResetWithinPayload(t *testing.T) {
	a := enter(t, "")
	watcher := a.join("SUB victim 1\r\nPING\r\n")
	a.expect(watcher, "PONG")
	victims := make([]*peer, many(500))
	a.crowd(8, len(victims), func(i int) error {
		p, err := a.dial()
		if err != nil {
			return err
		}
		victims[i] = p
		half := strings.Repeat("h", 1+i*997%60_000)
		return firstError(
			p.send(quiet+fmt.Sprintf("SUB victim.%d 1\r\nSUB victim.* q 2\r\nPING\r\n", i)), p.readUntil("PONG"),
			p.send(fmt.Sprintf("PUB victim %d\r\n%s", 60_001, half)), p.reset())
	})
	for _, p := range victims[:20] {
		a.expectReason(p, "Client Closed", "Read Error")
	}
	a.send(watcher, "PUB victim 5\r\nwhole\r\nPING\r\n")
	if err := watcher.expectMessage("MSG victim 1 5", "whole"); err != nil {
		t.Error(err)
	}
	a.expect(watcher, "PONG")
	watcher.Close()
	a.deserted()
	a.served()
	a.expectPeak(128 * megabyte)
}

// Clients that break off while much waits for them cost no work afterwards.
func TestResetWithOutputPending(t *testing.T) {
	const rounds = 500
	a := enter(t, "")
	quietly := a.work(rounds)
	victims := make([]*peer, 100)
	for i := range victims {
		victims[i] = a.join(fmt.Sprintf("SUB pending.%d 1\r\nPING\r\n", i))
		a.expect(victims[i], "PONG")
	}
	publisher := a.join("")
	large := strings.Repeat("p", megabyte)
	for i, p := range victims {
		a.send(publisher, strings.Repeat(fmt.Sprintf("PUB pending.%d %d\r\n%s\r\n", i, megabyte, large), 8)+"PING\r\n")
		a.expect(publisher, "PONG")
		a.send(p, "PUB x 100\r\nhalf")
		if err := p.reset(); err != nil {
			t.Fatal(err)
		}
	}
	publisher.Close()
	a.deserted()
	if after := a.work(rounds); measured() && after > 10*quietly+500*time.Millisecond {
		t.Errorf("%d rounds of the bystander take %v of the processor in place of %v", rounds, after, quietly)
	}
}
