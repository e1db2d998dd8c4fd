package durability

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"myelin/internal/testkit"
)

// ask calls the API, with the request as JSON unless it is nil, and reports
// whether it answered that it did what it was asked for; an answer that it did
// not is an error, and none because the server has gone is none.
func ask(c *connection, call string, request any) (bool, error) {
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return false, err
		}
	}
	reply, err := c.request("$JS.API."+call, body)
	if err != nil {
		return false, c.unlessGone(err)
	}
	var answer struct {
		Error *struct{ Description string }
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return false, fmt.Errorf("%s: %w in %q", call, err, reply.Data)
	}
	if answer.Error != nil {
		return false, c.unlessGone(fmt.Errorf("%s: %s", call, answer.Error.Description))
	}
	return true, nil
}

// A vandal deletes and purges in one stream while others publish to it.
type vandal struct {
	ledger *ledger
	random *rand.Rand
}

const (
	vandalPause = 2 * time.Millisecond // so that there is something to delete
	sparedByAll = 50                   // messages that a purge leaves at least
	purgeEvery  = 20                   // of so many removals one is a purge
)

func (v *vandal) run(c *connection) error {
	for {
		select {
		case <-c.gone:
			return nil
		case <-time.After(vandalPause):
		}
		seqs := v.ledger.sequences()
		if len(seqs) < sparedByAll {
			continue
		}
		var err error
		if v.random.IntN(purgeEvery) == 0 {
			err = v.purge(c, seqs[v.random.IntN(len(seqs)-sparedByAll+1)])
		} else {
			err = v.delete(c, seqs[v.random.IntN(len(seqs))])
		}
		if err != nil {
			return err
		}
	}
}

func (v *vandal) delete(c *connection, seq uint64) error {
	if v.ledger.removed(seq) {
		return nil
	}
	v.ledger.deleteAsked(seq)
	// Half of them are to be erased, which goes another way.
	done, err := ask(c, "STREAM.MSG.DELETE."+v.ledger.stream,
		map[string]any{"seq": seq, "no_erase": v.random.IntN(2) == 0})
	if done {
		v.ledger.deleteConfirmed(seq)
	}
	return err
}

func (v *vandal) purge(c *connection, below uint64) error {
	v.ledger.purgeAsked(below)
	done, err := ask(c, "STREAM.PURGE."+v.ledger.stream, map[string]any{"seq": below})
	if done {
		v.ledger.purgeConfirmed(below)
	}
	return err
}

// Mayflies are streams that come and go under load.
type mayflies struct {
	random *rand.Rand

	mu    sync.Mutex
	flies map[string]*mayfly
}

type mayfly struct {
	created, deleteAsked, deleted bool // created and deleted: confirmed
}

const (
	maxMayflies = 300
	mayflyPause = 5 * time.Millisecond
)

func (m *mayflies) run(c *connection) error {
	for len(m.flies) < maxMayflies {
		name := fmt.Sprintf("FLY%d", len(m.flies))
		fly := m.hatch(name)
		done, err := ask(c, "STREAM.CREATE."+name, map[string]any{
			"name": name, "subjects": []string{name}, "storage": "file", "num_replicas": 1})
		if !done {
			return err
		}
		m.change(func() { fly.created = true })
		if m.random.IntN(2) == 0 {
			m.change(func() { fly.deleteAsked = true })
			if done, err = ask(c, "STREAM.DELETE."+name, nil); !done {
				return err
			}
			m.change(func() { fly.deleted = true })
		}
		select {
		case <-c.gone:
			return nil
		case <-time.After(mayflyPause):
		}
	}
	return nil
}

func (m *mayflies) hatch(name string) *mayfly {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flies[name] = new(mayfly)
	return m.flies[name]
}

func (m *mayflies) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// check holds the names of the streams that are there against what was
// confirmed.
func (m *mayflies) check(names map[string]bool) (complaints []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, fly := range m.flies {
		switch {
		case fly.created && !fly.deleteAsked && !names[name]:
			complaints = append(complaints, name+" was created and is gone")
		case fly.deleted && names[name]:
			complaints = append(complaints, name+" was deleted and is back")
		}
		// What nobody knows the end of is settled by what is there.
		if names[name] {
			fly.created, fly.deleteAsked = true, false
		} else {
			fly.deleteAsked, fly.deleted = true, true
		}
	}
	return complaints
}

// streamNames asks for all streams.
func streamNames(c *connection) (map[string]bool, error) {
	names := map[string]bool{}
	for {
		reply, err := c.request("$JS.API.STREAM.NAMES", fmt.Appendf(nil, `{"offset":%d}`, len(names)))
		if err != nil {
			return nil, err
		}
		var page struct {
			Total   int
			Streams []string
		}
		if err := json.Unmarshal(reply.Data, &page); err != nil {
			return nil, fmt.Errorf("stream names: %w in %q", err, reply.Data)
		}
		for _, name := range page.Streams {
			names[name] = true
		}
		if len(names) >= page.Total || len(page.Streams) == 0 {
			return names, nil
		}
	}
}

// patience bounds each request; it ends a test that hangs.
const patience = testkit.Patience
