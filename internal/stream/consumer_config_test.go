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

// consumerRequest is a configuration of a consumer as clients send it.
type consumerRequest struct {
	ConsumerConfig
	Pedantic bool `json:"pedantic"`
}

// observedConsumer is a line of testdata/consumer_check.jsonl or consumer_update.jsonl: what a stock server
// answered to a request for a consumer on a stream.
type observedConsumer struct {
	Old     *ConsumerConfig
	Stream  Config
	Request consumerRequest
	Config  json.RawMessage
	Error   *apierr.Error
}

func eachObservedConsumer(t *testing.T, file string, visit func(line string, stream *Config, o observedConsumer)) {
	jsonl.Each(t, "testdata/"+file, func(line string, o observedConsumer) {
		stream, refused := Check(o.Stream, Bounds{}, false)
		if refused != nil {
			t.Fatal(refused)
		}
		visit(line, stream, o)
	})
}

func compareConsumer(t *testing.T, line string, o observedConsumer, cfg *ConsumerConfig, err *apierr.Error) {
	t.Helper()
	if err != nil || o.Error != nil {
		if err == nil || o.Error == nil || *err != *o.Error {
			t.Errorf("%.400s\n got %v", line, err)
		}
		return
	}
	var want bytes.Buffer
	json.HTMLEscape(&want, o.Config)
	if got, err := json.Marshal(cfg); err != nil || string(got) != want.String() {
		t.Errorf("%.400s\n got %s %v\nwant %s", line, got, err, &want)
	}
	back := ReadConsumerConfig(bin.NewReader(cfg.Append(nil)))
	if !back.Equal(cfg) {
		t.Errorf("%s\n does not survive its binary form", line)
	}
}

// Creating: the answers of a stock server to single settings and to pairs of faulty ones, on several streams,
// byte by byte.
func TestCheckConsumerIsStocks(t *testing.T) {
	eachObservedConsumer(t, "consumer_check.jsonl", func(line string, stream *Config, o observedConsumer) {
		cfg, err := CheckConsumer(o.Request.ConsumerConfig, stream, ConsumerBounds{}, o.Request.Pedantic)
		if err == nil && o.Request.Name == "" && o.Request.Durable == "" {
			cfg.Name = ""
		}
		compareConsumer(t, line, o, cfg, err)
	})
}

func TestCheckConsumerUpdateIsStocks(t *testing.T) {
	eachObservedConsumer(t, "consumer_update.jsonl", func(line string, stream *Config, o observedConsumer) {
		old, err := CheckConsumer(*o.Old, stream, ConsumerBounds{}, false)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		cfg, err := CheckConsumerUpdate(old, o.Request.ConsumerConfig, stream, ConsumerBounds{}, o.Request.Pedantic)
		compareConsumer(t, line, o, cfg, err)
	})
}

// What is too long for a file of examples, or needs another server.
func TestCheckConsumerBounds(t *testing.T) {
	long := strings.Repeat("x", maxMetadataBytes)
	room := maxMetadataBytes - len("a"+metaRequired+"0")
	limited := ConsumerBounds{MaxAckPending: 50, MaxRequestBatch: 10}
	for _, c := range []struct {
		cfg    ConsumerConfig
		bounds ConsumerBounds
		want   string
	}{
		{cfg: ConsumerConfig{Name: long[:255]}},
		{cfg: ConsumerConfig{Name: long[:256]}, want: "consumer name is too long, maximum allowed is 255 (10102)"},
		{cfg: ConsumerConfig{Name: "a b"}, want: `consumer name can not contain '.', '*', '>', '\', '/' (10052)`},
		{cfg: ConsumerConfig{Name: "a", Durable: "b"}, want: "Consumer Durable and Name have to be equal if both are provided (10132)"},
		{cfg: ConsumerConfig{Description: long[:4096]}},
		{cfg: ConsumerConfig{Description: long[:4097]}, want: "consumer description is too long, maximum allowed is 4096 (10107)"},
		{cfg: ConsumerConfig{Metadata: map[string]string{"a": long[:room]}}},
		{cfg: ConsumerConfig{Metadata: map[string]string{"a": long[:room+1]}}, want: "consumer metadata exceeds maximum size of 128KB (10135)"},
		{cfg: ConsumerConfig{Replicas: 3}, bounds: ConsumerBounds{Clustered: true}, want: "consumer config replica count exceeds parent stream (10126)"},
		{cfg: ConsumerConfig{Ack: AckExplicit, MaxAckPending: 51}, bounds: limited, want: "consumer max ack pending exceeds system limit of 50 (10121)"},
		{cfg: ConsumerConfig{MaxBatch: 11}, bounds: limited, want: "consumer max request batch exceeds server limit of 10 (10125)"},
		{cfg: ConsumerConfig{MaxBatch: 10}, bounds: limited},
	} {
		got := ""
		if _, err := CheckConsumer(c.cfg, &Config{Name: "S", Replicas: 1}, c.bounds, false); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%.80v %v: %q, want %q", c.cfg, c.bounds, got, c.want)
		}
	}
	cfg, err := CheckConsumer(ConsumerConfig{Ack: AckExplicit}, &Config{Name: "S"}, limited, false)
	if err != nil || cfg.MaxAckPending != 50 || cfg.MaxBatch != 10 {
		t.Errorf("%d may wait for acks, %v", cfg.MaxAckPending, err)
	}
}

// No bytes make the decoder panic, and what it takes has one form only.
func FuzzReadConsumerConfig(f *testing.F) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	f.Add((&ConsumerConfig{Name: "C"}).Append(nil))
	f.Add((&ConsumerConfig{
		Name: "C", StartTime: &start, Backoff: []time.Duration{1, 2}, FilterSubjects: []string{"a", "b"},
		PauseUntil: &start, PriorityGroups: []string{"A"}, Metadata: map[string]string{"b": "1", "a": "2"},
	}).Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bin.NewReader(data)
		c := ReadConsumerConfig(r)
		if r.Err() != nil {
			return
		}
		again := ReadConsumerConfig(bin.NewReader(c.Append(nil)))
		if !bytes.Equal(c.Append(nil), again.Append(nil)) {
			t.Fatalf("%+v became %+v", c, again)
		}
	})
}
