package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// storeDirKey is where streams are kept; it can stand outside of the jetstream block as well as in it, but not both.
const (
	storeDirKey = "store_dir"
	duplicate   = "Duplicate '%s' configuration"
)

// jetStreamKeys are about streams.
var jetStreamKeys = []key[Config]{
	{"jetstream", nil, decodeJetStream},
	{storeDirKey, []string{"storedir"}, func(d *decoder, c *Config, f *Field) { decodeStoreDir(d, &c.JetStream, f) }},
}

// jetStreamBlock is what JetStream's own block can hold. Keys whose feature does not exist yet are wrapped by refused.
var jetStreamBlock = newBlock([]key[JetStream]{
	{"enabled", nil, boolean(func(j *JetStream) *bool { return &j.Enabled })},
	{"strict", nil, decodeStrict},
	{storeDirKey, []string{"storedir", "store"}, decodeStoreDir},
	{"max_memory_store", []string{"max_mem_store", "max_mem"}, storage("max_mem_store", func(j *JetStream) *int64 { return &j.MaxMemory })},
	{"max_file_store", []string{"max_file"}, storage("max_file_store", func(j *JetStream) *int64 { return &j.MaxStorage })},
	{"sync_interval", []string{"sync"}, decodeSync},
	{"domain", nil, text(func(j *JetStream) *string { return &j.Domain })},
	{"unique_tag", nil, decodeUniqueTag},
	{"encryption_key", []string{"key", "ek"}, secret(func(j *JetStream) *Secret { return &j.Key })},
	{"prev_encryption_key", []string{"prev_key", "prev_ek"}, secret(func(j *JetStream) *Secret { return &j.PrevKey })},
	{"cipher", nil, decodeCipher},
	{"tpm", nil, refused[JetStream](isNothing, nil)},
	{"max_buffered_size", nil, storage("max_buffered_size", func(j *JetStream) *int64 { return &j.MaxBufferedBytes })},
	{"max_buffered_msgs", nil, count(func(j *JetStream) *int { return &j.MaxBufferedMsgs })},
	{"request_queue_limit", nil, count(func(j *JetStream) *int { return &j.RequestQueueLimit })},
	{"info_queue_limit", nil, count(func(j *JetStream) *int { return &j.InfoQueueLimit })},
	{"limits", nil, decodeJetStreamLimits},
	{"max_outstanding_catchup", nil, storage("max_outstanding_catchup", func(j *JetStream) *int64 { return &j.MaxOutstandingCatchup })},
	{"extension_hint", nil, text(func(j *JetStream) *string { return &j.ExtensionHint })},
	{"meta_compact", nil, absolute(integer(func(j *JetStream) *int { return &j.MetaCompact }))},
	{"meta_compact_size", nil, absolute(storage("meta_compact_size", func(j *JetStream) *int64 { return &j.MetaCompactSize }))},
	{"meta_compact_sync", nil, boolean(func(j *JetStream) *bool { return &j.MetaCompactSync })},
	{"max_concurrent_io", nil, decodeMaxConcurrentIO},
})

var jetStreamLimitsBlock = newBlock([]key[JetStreamLimits]{
	{"max_request_batch", nil, integer(func(l *JetStreamLimits) *int { return &l.MaxRequestBatch })},
	{"max_ack_pending", nil, integer(func(l *JetStreamLimits) *int { return &l.MaxAckPending })},
	{"max_ha_assets", nil, integer(func(l *JetStreamLimits) *int { return &l.MaxHAAssets })},
	{"duplicate_window", nil, duration(func(l *JetStreamLimits) *time.Duration { return &l.DuplicateWindow })},
	{"batch", nil, decodeBatchLimits},
})

var batchLimitsBlock = newBlock([]key[JetStreamLimits]{
	{"max_inflight_per_stream", nil, integer(func(l *JetStreamLimits) *int { return &l.MaxBatchInflightPerStream })},
	{"max_inflight_total", nil, integer(func(l *JetStreamLimits) *int { return &l.MaxBatchInflightTotal })},
	{"max_msgs", nil, integer(func(l *JetStreamLimits) *int { return &l.MaxBatchMsgs })},
	{"timeout", nil, duration(func(l *JetStreamLimits) *time.Duration { return &l.MaxBatchTimeout })},
})

// decodeJetStream decodes a switch, or a block, which is on unless it says otherwise.
func decodeJetStream(d *decoder, c *Config, f *Field) {
	j := &c.JetStream
	switch v := f.Value.Data.(type) {
	case bool:
		j.Enabled = v
	case string:
		switch strings.ToLower(v) {
		case "enabled", "enable":
			j.Enabled = true
		case "disabled", "disable":
			j.Enabled = false
		default:
			d.fail(f.Pos, "Expected 'enabled' or 'disabled' for string value, got '%s'", v)
		}
	case *Map:
		j.Enabled = true
		jetStreamBlock.decode(d, j, v)
	default:
		d.fail(f.Pos, "Expected map, bool or string to define JetStream, got %s", f.Value.kind())
	}
}

func decodeStoreDir(d *decoder, j *JetStream, f *Field) {
	if j.StoreDir != "" {
		d.fail(f.Pos, duplicate, storeDirKey)
		return
	}
	text(func(j *JetStream) *string { return &j.StoreDir })(d, j, f)
	if j.StoreDir == "" {
		delete(d.places, storeDirKey)
	}
}

func decodeStrict(d *decoder, j *JetStream, f *Field) {
	strict, ok := f.Value.Data.(bool)
	if !ok {
		d.fail(f.Pos, "Expected 'true' or 'false' for bool value, got %s", f.Value.kind())
		return
	}
	j.Strict = strict
}

// decodeSync decodes an interval, or the word always.
func decodeSync(d *decoder, j *JetStream, f *Field) {
	if s, ok := f.Value.Data.(string); ok && strings.EqualFold(s, "always") {
		j.SyncAlways = true
		return
	}
	j.SyncAlways = false
	durationOrSeconds(func(j *JetStream) *time.Duration { return &j.SyncEvery })(d, j, f)
}

// decodeUniqueTag compares like server tags, which are lower case.
func decodeUniqueTag(d *decoder, j *JetStream, f *Field) {
	if tag, ok := typed[string](d, f, "a string"); ok {
		j.UniqueTag = strings.ToLower(strings.TrimSpace(tag))
	}
}

func decodeCipher(d *decoder, j *JetStream, f *Field) {
	name, ok := typed[string](d, f, "a string")
	if !ok {
		return
	}
	switch strings.ToLower(name) {
	case "chacha", "chachapoly":
		j.Cipher = ChaCha
	case "aes":
		j.Cipher = AES
	default:
		d.fail(f.Pos, "Unknown cipher type: %q", name)
	}
}

func decodeJetStreamLimits(d *decoder, j *JetStream, f *Field) {
	if m, ok := f.Value.Data.(*Map); ok {
		jetStreamLimitsBlock.decode(d, &j.Limits, m)
		return
	}
	d.fail(f.Pos, "Expected a map to define JetStreamLimits, got %s", f.Value.kind())
}

func decodeBatchLimits(d *decoder, l *JetStreamLimits, f *Field) {
	if m, ok := f.Value.Data.(*Map); ok {
		batchLimitsBlock.decode(d, l, m)
		return
	}
	d.fail(f.Pos, "Expected a map to define batch limits, got %s", f.Value.kind())
}

// The bounds that stock has for reads and writes at a time.
const minConcurrentIO, maxConcurrentIO = 4, 8192

func decodeMaxConcurrentIO(d *decoder, j *JetStream, f *Field) {
	n, ok := f.Value.Data.(int64)
	if !ok || n < minConcurrentIO || n > maxConcurrentIO {
		d.fail(f.Pos, "Expected an absolute size for %q between %d and %d", f.Name, minConcurrentIO, maxConcurrentIO)
		return
	}
	j.MaxConcurrentIO = int(n)
}

// secret decodes a text that nobody is shown.
func secret[T any](field func(*T) *Secret) decodeFunc[T] {
	return func(d *decoder, into *T, f *Field) {
		if s, ok := typed[string](d, f, "a string"); ok {
			*field(into) = Secret(s)
		}
	}
}

// count decodes whole numbers in the words of stock.
func count[T any](field func(*T) *int) decodeFunc[T] {
	exact := integer(field)
	return func(d *decoder, into *T, f *Field) {
		if _, ok := f.Value.Data.(int64); !ok {
			d.fail(f.Pos, "Expected a parseable size for %q, got %s", f.Name, f.Value.kind())
			return
		}
		exact(d, into, f)
	}
}

// absolute refuses negative numbers.
func absolute[T any](decode decodeFunc[T]) decodeFunc[T] {
	return func(d *decoder, into *T, f *Field) {
		n, ok := f.Value.Data.(int64)
		if ok && n < 0 {
			d.fail(f.Pos, "Expected an absolute size for %q, got %d", f.Name, n)
			return
		}
		decode(d, into, f)
	}
}

// storage decodes bytes: a number, or a string of digits and a unit; name is what stock calls the key in errors.
func storage[T any](name string, field func(*T) *int64) decodeFunc[T] {
	return func(d *decoder, into *T, f *Field) {
		switch v := f.Value.Data.(type) {
		case int64:
			*field(into) = v
		case string:
			n, err := parseStorage(v)
			if err != nil {
				d.fail(f.Pos, "%s %v", name, err)
				return
			}
			*field(into) = n
		default:
			d.fail(f.Pos, "%s must be int64 or string", name)
		}
	}
}

var errStorageUnit = errors.New("sizes defined as strings must end in K, M, G, T")

// parseStorage reads a number with one of the units K, M, G and T, each 1024 times the one before. An empty string
// is zero.
func parseStorage(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	digits, unit := s[:len(s)-1], s[len(s)-1]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, err
	}
	power := strings.IndexByte("KMGT", unit)
	if power < 0 {
		return 0, errStorageUnit
	}
	for range power + 1 {
		if n > math.MaxInt64>>10 || n < math.MinInt64>>10 {
			return 0, errors.New("value is too big")
		}
		n <<= 10
	}
	return n, nil
}
