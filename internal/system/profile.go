package system

import (
	"bytes"
	"fmt"
	"runtime/pprof"
	"time"
)

// maxProfile bounds for how long the use of processors is watched for one request.
const maxProfile = 15 * time.Second

type profileOptions struct {
	Name     string        `json:"name"`
	Debug    int           `json:"debug"`    // as that of pprof.Profile.WriteTo
	Duration time.Duration `json:"duration"` // of the profile "cpu"
}

type profile struct {
	Profile []byte `json:"profile"` // null if there is an error
	Error   string `json:"error"`
}

// profileOf shows what the process does.
func profileOf(g *Guest, r *request) any {
	var o profileOptions
	ok, answer := g.read(r, &o)
	if !ok {
		return answer
	}
	if o.Name == "cpu" {
		return g.watchProcessors(r, o.Duration)
	}
	if o.Name == "" {
		return g.data(&profile{Error: "Profile name not specified"}, nil)
	}
	known := pprof.Lookup(o.Name)
	if known == nil {
		return g.data(&profile{Error: fmt.Sprintf("Profile %q not found", o.Name)}, nil)
	}
	var text bytes.Buffer
	if err := known.WriteTo(&text, o.Debug); err != nil {
		return g.data(&profile{Error: fmt.Sprintf("Profile %q error: %s", o.Name, err)}, nil)
	}
	return g.data(&profile{Profile: text.Bytes()}, nil)
}

// watchProcessors answers when the time is over; nobody waits meanwhile but who asked.
func (g *Guest) watchProcessors(r *request, d time.Duration) any {
	if d <= 0 || d > maxProfile {
		return g.data(&profile{Error: fmt.Sprintf("Duration %s should be between 0s and 15s", d)}, nil)
	}
	text := new(bytes.Buffer)
	if err := pprof.StartCPUProfile(text); err != nil {
		return g.data(&profile{Error: err.Error()}, nil)
	}
	g.opt.Clock.AfterFunc(d, func() {
		pprof.StopCPUProfile()
		g.queue.add(func() { g.reply(r, g.data(&profile{Profile: text.Bytes()}, nil)) })
	})
	return nil
}
