package stream

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/jsonl"
)

// request is a configuration as clients send it.
type request struct {
	Config
	Pedantic bool `json:"pedantic"`
}

// observed is a line of testdata/check.jsonl or update.jsonl: what a stock server answered.
type observed struct {
	Old     *request
	Request request
	Config  json.RawMessage
	Error   *apierr.Error
}

func compare(t *testing.T, line string, o observed, cfg *Config, err *apierr.Error) {
	t.Helper()
	if err != nil || o.Error != nil {
		if err == nil || o.Error == nil || *err != *o.Error {
			t.Errorf("%.400s\n got %v", line, err)
		}
		return
	}
	if got, err := json.Marshal(cfg); err != nil || string(got) != string(o.Config) {
		t.Errorf("%.400s\n got %s %v\nwant %s", line, got, err, o.Config)
	}
	back := ReadConfig(bin.NewReader(cfg.Append(nil)))
	if !back.Equal(cfg) {
		t.Errorf("%s\n does not survive its binary form", line)
	}
	if again, err := Check(*cfg, Bounds{}, false); err == nil && !again.Equal(cfg) {
		t.Errorf("%s\n is not complete", line)
	}
}

// Creating: the answers of a stock server to single settings and to all pairs of faulty ones, byte by byte.
func TestCheckIsStocks(t *testing.T) {
	jsonl.Each(t, "testdata/check.jsonl", func(line string, o observed) {
		cfg, err := Check(o.Request.Config, Bounds{}, o.Request.Pedantic)
		compare(t, line, o, cfg, err)
	})
}

func TestCheckUpdateIsStocks(t *testing.T) {
	jsonl.Each(t, "testdata/update.jsonl", func(line string, o observed) {
		old, err := Check(o.Old.Config, Bounds{}, o.Old.Pedantic)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		cfg, err := CheckUpdate(old, o.Request.Config, Bounds{}, o.Request.Pedantic)
		compare(t, line, o, cfg, err)
	})
}

// What is too long for a file of examples, or needs another server.
func TestCheckBounds(t *testing.T) {
	long := strings.Repeat("x", maxMetadataBytes)
	minute := Bounds{DuplicateWindow: time.Minute}
	room := maxMetadataBytes - len("a"+metaRequired+"0")
	for _, c := range []struct {
		cfg      Config
		bounds   Bounds
		pedantic bool
		want     string
	}{
		{cfg: Config{Name: "a b"}, want: `stream name is required and can not contain '.', '*', '>', '\', '/' (10052)`},
		{cfg: Config{}, want: `stream name is required and can not contain '.', '*', '>', '\', '/' (10052)`},
		{cfg: Config{Name: "a/b"}, want: "Stream name can not contain path separators (10128)"},
		{cfg: Config{Name: long[:255]}},
		{cfg: Config{Name: long[:256]}, want: "stream name is too long, maximum allowed is 255 (10052)"},
		{cfg: Config{Name: "T", Description: long[:4096]}},
		{cfg: Config{Name: "T", Description: long[:4097]}, want: "stream description is too long, maximum allowed is 4096 (10052)"},
		{cfg: Config{Name: "T", Metadata: map[string]string{"a": long[:room]}}},
		{cfg: Config{Name: "T", Metadata: map[string]string{"a": long[:room+1]}}, want: "stream metadata exceeds maximum size of 131072 bytes (10052)"},
		{cfg: Config{Name: "T"}, bounds: minute},
		{cfg: Config{Name: "T", DuplicateWindow: time.Minute}, bounds: minute},
		{cfg: Config{Name: "T", DuplicateWindow: 2 * time.Minute}, bounds: minute, want: "duplicates window can not be larger then server limit of 1m0s (10052)"},
		{cfg: Config{Name: "T"}, bounds: minute, pedantic: true, want: "pedantic mode: duplicate window limits are higher than current limits (10157)"},
		{cfg: Config{Name: "T", MaxAge: 30 * time.Second, DuplicateWindow: 90 * time.Second}, bounds: minute, want: "duplicates window can not be larger then max age (10052)"},
		{cfg: Config{Name: "T", Replicas: 3}, bounds: Bounds{Clustered: true}},
	} {
		got := ""
		if _, err := Check(c.cfg, c.bounds, c.pedantic); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%.80v %v: %q, want %q", c.cfg, c.bounds, got, c.want)
		}
	}
	if cfg, err := Check(Config{Name: "T"}, minute, false); err != nil || cfg.DuplicateWindow != time.Minute {
		t.Errorf("the window is %v, %v", cfg.DuplicateWindow, err)
	}
}

// Values that no stock server takes, and what it says.
func TestEnumsRefuse(t *testing.T) {
	for in, want := range map[string]string{
		`{"retention":"foo"}`:    `can not unmarshal "\"foo\""`,
		`{"retention":1}`:        `can not unmarshal "1"`,
		`{"retention":null}`:     `can not unmarshal "null"`,
		`{"discard":""}`:         `can not unmarshal "\"\""`,
		`{"storage":"disk"}`:     `can not unmarshal "\"disk\""`,
		`{"compression":"foo"}`:  "unknown compression algorithm",
		`{"compression":""}`:     "unknown compression algorithm",
		`{"persist_mode":"foo"}`: `can not unmarshal "\"foo\""`,
	} {
		var c Config
		if err := json.Unmarshal([]byte(in), &c); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

// No bytes make the decoder panic, and what it takes has one form only.
func FuzzReadConfig(f *testing.F) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	f.Add((&Config{Name: "T"}).Append(nil))
	f.Add((&Config{
		Name: "T", Subjects: []string{"a", "b.>"}, Placement: &Placement{Tags: []string{"x"}},
		Sources:   []Source{{Name: "S", StartTime: &start, External: &External{}, Consumer: &SourceConsumer{}}},
		Republish: &Republish{Dest: "x"}, Metadata: map[string]string{"b": "1", "a": "2"},
	}).Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bin.NewReader(data)
		c := ReadConfig(r)
		if r.Err() != nil {
			return
		}
		again := ReadConfig(bin.NewReader(c.Append(nil)))
		if !bytes.Equal(c.Append(nil), again.Append(nil)) {
			t.Fatalf("%+v became %+v", c, again)
		}
	})
}
