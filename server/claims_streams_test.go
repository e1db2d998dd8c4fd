package server

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/config"
)

// limitRow is what the claims of an account let it keep in streams, and what comes of a request, as stock answers.
type limitRow struct {
	name     string
	limits   jwt.JetStreamLimits
	tiers    jwt.JetStreamTieredLimits
	request  [2]string // and its body, after there is a stream S
	err      string    // "" for none
	consumer string    // that there is already, by its configuration
}

var noStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}

func limited(edit func(*jwt.JetStreamLimits)) jwt.JetStreamLimits {
	l := noStreamLimits
	edit(&l)
	return l
}

const (
	makeFile   = "STREAM.CREATE.A"
	makeOnDisk = `{"name":"A","subjects":["a"],"storage":"file"`
	makeOne    = "CONSUMER.CREATE.S.one"
)

var limitRows = []limitRow{
	{name: "none", limits: noStreamLimits, request: [2]string{makeFile, makeOnDisk + "}"}},
	{name: "streams", limits: limited(func(l *jwt.JetStreamLimits) { l.Streams = 1 }), request: [2]string{makeFile, makeOnDisk + "}"},
		err: "maximum number of streams reached"},
	{name: "consumers", limits: limited(func(l *jwt.JetStreamLimits) { l.Consumer = 1 }), consumer: `{"name":"zero","durable_name":"zero"}`,
		request: [2]string{makeOne, `{"stream_name":"S","config":{"name":"one","durable_name":"one"}}`}, err: "maximum consumers limit reached"},
	{name: "max_ack_pending", limits: limited(func(l *jwt.JetStreamLimits) { l.MaxAckPending = 100 }),
		request: [2]string{makeOne, `{"stream_name":"S","config":{"name":"one","durable_name":"one","ack_policy":"explicit","max_ack_pending":1000}}`},
		err:     "consumer max ack pending exceeds system limit of 100"},
	{name: "max_bytes_required", limits: limited(func(l *jwt.JetStreamLimits) { l.MaxBytesRequired = true }), request: [2]string{makeFile, makeOnDisk + "}"},
		err: "account requires a stream config to have max bytes set"},
	{name: "max_bytes as required", limits: limited(func(l *jwt.JetStreamLimits) { l.MaxBytesRequired = true }),
		request: [2]string{makeFile, makeOnDisk + `,"max_bytes":100}`}},
	{name: "disk_max_stream_bytes", limits: limited(func(l *jwt.JetStreamLimits) { l.DiskMaxStreamBytes = 1000 }),
		request: [2]string{makeFile, makeOnDisk + `,"max_bytes":2000}`}, err: "stream max bytes exceeds account limit max stream bytes"},
	{name: "mem_max_stream_bytes", limits: limited(func(l *jwt.JetStreamLimits) { l.MemoryMaxStreamBytes = 1000 }),
		request: [2]string{makeFile, `{"name":"A","subjects":["a"],"storage":"memory","max_bytes":2000}`},
		err:     "stream max bytes exceeds account limit max stream bytes"},
	{name: "storage", limits: limited(func(l *jwt.JetStreamLimits) { l.DiskStorage = 1000 }),
		request: [2]string{makeFile, makeOnDisk + `,"max_bytes":2000}`}, err: "insufficient storage resources available"},
	{name: "no memory", limits: limited(func(l *jwt.JetStreamLimits) { l.MemoryStorage = 0 }),
		request: [2]string{makeFile, `{"name":"A","subjects":["a"],"storage":"memory"}`}, err: "insufficient memory resources available"},

	{name: "tier of one", tiers: jwt.JetStreamTieredLimits{"R1": limited(func(l *jwt.JetStreamLimits) { l.Streams = 1 })},
		request: [2]string{makeFile, makeOnDisk + "}"}, err: "maximum number of streams reached"},
	{name: "tier of one only", tiers: jwt.JetStreamTieredLimits{"R1": noStreamLimits},
		request: [2]string{makeFile, makeOnDisk + `,"num_replicas":3}`}, err: "no JetStream default or applicable tiered limit present"},
	{name: "tiers of one and three", tiers: jwt.JetStreamTieredLimits{"R1": noStreamLimits, "R3": noStreamLimits},
		request: [2]string{makeFile, makeOnDisk + `,"num_replicas":3}`}, err: "replicas > 1 not supported in non-clustered mode"},
	{name: "tier of three only", tiers: jwt.JetStreamTieredLimits{"R3": noStreamLimits},
		request: [2]string{makeFile, makeOnDisk + "}"}, err: "no JetStream default or applicable tiered limit present"},
}

// What claims say of streams limits what their account keeps.
func TestClaimedLimits(t *testing.T) {
	r := newRealm()
	cfg := r.config(config.ResolverFull)
	cfg.Operators.Resolver.Dir = t.TempDir()
	cfg.JetStream.Enabled, cfg.JetStream.StoreDir = true, t.TempDir()
	cfg.JetStream.MaxMemory, cfg.JetStream.MaxStorage = 1<<30, 1<<30
	s := run(t, cfg)
	admin := connects(t, s, as(r.system, nil))
	for _, row := range limitRows {
		account := newRealm().account
		asks(t, admin, "$SYS.REQ.CLAIMS.UPDATE", r.sign(account, func(c *jwt.AccountClaims) {
			c.Limits.JetStreamLimits, c.Limits.JetStreamTieredLimits = row.limits, row.tiers
		}))
		nc := connects(t, s, as(account, nil))
		api := func(verb, body string) string {
			t.Helper()
			var answer struct{ Error struct{ Description string } }
			got(true, json.Unmarshal(got(nc.Request("$JS.API."+verb, []byte(body), 10*time.Second)).Data, &answer))
			return answer.Error.Description
		}
		api("STREAM.CREATE.S", `{"name":"S","subjects":["s"],"max_bytes":100}`)
		if row.consumer != "" {
			if err := api("CONSUMER.CREATE.S.zero", `{"stream_name":"S","config":`+row.consumer+"}"); err != "" {
				t.Errorf("%s: %s", row.name, err)
			}
		}
		if err := api(row.request[0], row.request[1]); err != row.err {
			t.Errorf("%s: %q, not %q", row.name, err, row.err)
		}
		info := string(got(nc.Request("$JS.API.INFO", nil, 10*time.Second)).Data)
		for name := range row.tiers {
			if !strings.Contains(info, `"`+name+`":{"memory":0`) {
				t.Errorf("%s: %s", row.name, info)
			}
		}
		nc.Close()
	}
}
