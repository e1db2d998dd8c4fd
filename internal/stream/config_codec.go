package stream

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"myelin/internal/bin"
)

// configVersion begins the binary form of a configuration. A later version appends fields.
const configVersion = 1

// Append appends the binary form of c. Equal configurations have equal forms.
func (c *Config) Append(dst []byte) []byte {
	w := fieldWriter{append(dst, configVersion)}
	copied := *c
	copied.fields(&w)
	return w.dst
}

// Equal reports whether both say the same.
func (c *Config) Equal(other *Config) bool { return bytes.Equal(c.Append(nil), other.Append(nil)) }

// ReadConfig reads what Append wrote.
func ReadConfig(r *bin.Reader) *Config {
	if v := r.Byte(); v != configVersion && r.Err() == nil {
		r.Fail(fmt.Errorf("configuration of version %d", v))
	}
	c := new(Config)
	c.fields(&fieldReader{r})
	return c
}

func (s *Source) equal(other *Source) bool {
	return (&Config{Mirror: s}).Equal(&Config{Mirror: other})
}

// fields is a codec's walk over all fields in their order on disk, the same for reading and writing.
type fields interface {
	boolean(*bool)
	integer(*int64)
	text(*string)
	count(n, minBytes int) int // the number of elements: written, or read
	present(has bool) bool     // whether an optional part follows
	instant(*time.Time)
	table(*map[string]string)
}

func (c *Config) fields(f fields) {
	f.text(&c.Name)
	f.text(&c.Description)
	textList(f, &c.Subjects)
	number(f, &c.Retention)
	number(f, &c.MaxConsumers)
	number(f, &c.MaxMsgs)
	number(f, &c.MaxBytes)
	number(f, &c.MaxAge)
	number(f, &c.MaxMsgsPer)
	number(f, &c.MaxMsgSize)
	number(f, &c.Discard)
	number(f, &c.Storage)
	number(f, &c.Replicas)
	f.boolean(&c.NoAck)
	number(f, &c.DuplicateWindow)
	optional(f, &c.Placement, (*Placement).fields)
	optional(f, &c.Mirror, (*Source).fields)
	list(f, &c.Sources, 7, (*Source).fields)
	number(f, &c.Compression)
	number(f, &c.FirstSeq)
	optional(f, &c.Transform, (*SubjectTransform).fields)
	optional(f, &c.Republish, (*Republish).fields)
	for _, flag := range []*bool{
		&c.AllowDirect, &c.MirrorDirect, &c.DiscardNewPer, &c.Sealed, &c.DenyDelete, &c.DenyPurge, &c.AllowRollup,
	} {
		f.boolean(flag)
	}
	number(f, &c.ConsumerLimits.InactiveThreshold)
	number(f, &c.ConsumerLimits.MaxAckPending)
	f.boolean(&c.AllowTTL)
	number(f, &c.MarkerTTL)
	f.boolean(&c.AllowCounter)
	f.boolean(&c.AllowAtomic)
	f.boolean(&c.AllowSchedules)
	number(f, &c.PersistMode)
	f.boolean(&c.AllowBatched)
	f.table(&c.Metadata)
}

func (p *Placement) fields(f fields) {
	f.text(&p.Cluster)
	textList(f, &p.Tags)
	f.text(&p.Preferred)
}

func (s *Source) fields(f fields) {
	f.text(&s.Name)
	number(f, &s.StartSeq)
	optional(f, &s.StartTime, func(t *time.Time, f fields) { f.instant(t) })
	f.text(&s.FilterSubject)
	list(f, &s.Transforms, 2, (*SubjectTransform).fields)
	optional(f, &s.External, func(x *External, f fields) { f.text(&x.API); f.text(&x.Deliver) })
	optional(f, &s.Consumer, func(x *SourceConsumer, f fields) { f.text(&x.Name); f.text(&x.DeliverSubject) })
}

func (t *SubjectTransform) fields(f fields) { f.text(&t.Src); f.text(&t.Dest) }

func (r *Republish) fields(f fields) { f.text(&r.Src); f.text(&r.Dest); f.boolean(&r.HeadersOnly) }

func number[N ~int | ~int32 | ~int64 | ~uint8 | ~uint64](f fields, v *N) {
	n := int64(*v)
	if f.integer(&n); N(n) != *v { // who writes the form must not touch what others share
		*v = N(n)
	}
}

func optional[T any](f fields, v **T, each func(*T, fields)) {
	if !f.present(*v != nil) {
		if *v != nil {
			*v = nil
		}
		return
	}
	if *v == nil {
		*v = new(T)
	}
	each(*v, f)
}

// list walks over a slice whose elements take at least minBytes each.
func list[T any](f fields, v *[]T, minBytes int, each func(*T, fields)) {
	n := f.count(len(*v), minBytes)
	if len(*v) != n {
		*v = make([]T, n)
	}
	for i := range n {
		each(&(*v)[i], f)
	}
}

func textList(f fields, v *[]string) { list(f, v, 1, func(s *string, f fields) { f.text(s) }) }

type fieldWriter struct{ dst []byte }

func (w *fieldWriter) boolean(v *bool)     { w.dst = bin.AppendBool(w.dst, *v) }
func (w *fieldWriter) integer(v *int64)    { w.dst = bin.AppendVarint(w.dst, *v) }
func (w *fieldWriter) text(v *string)      { w.dst = bin.AppendString(w.dst, *v) }
func (w *fieldWriter) count(n, _ int) int  { w.dst = bin.AppendUvarint(w.dst, uint64(n)); return n }
func (w *fieldWriter) present(v bool) bool { w.dst = bin.AppendBool(w.dst, v); return v }

func (w *fieldWriter) instant(v *time.Time) {
	w.dst = bin.AppendString(w.dst, v.Format(time.RFC3339Nano))
}

func (w *fieldWriter) table(v *map[string]string) {
	w.count(len(*v), 2)
	keys := make([]string, 0, len(*v))
	for key := range *v {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		w.dst = bin.AppendString(bin.AppendString(w.dst, key), (*v)[key])
	}
}

type fieldReader struct{ r *bin.Reader }

func (r *fieldReader) boolean(v *bool)           { *v = r.r.Bool() }
func (r *fieldReader) integer(v *int64)          { *v = r.r.Varint() }
func (r *fieldReader) text(v *string)            { *v = r.r.String() }
func (r *fieldReader) count(_, minBytes int) int { return r.r.Count(minBytes) }
func (r *fieldReader) present(bool) bool         { return r.r.Bool() }

func (r *fieldReader) instant(v *time.Time) {
	t, err := time.Parse(time.RFC3339Nano, r.r.String())
	if err != nil {
		r.r.Fail(err)
	}
	*v = t
}

func (r *fieldReader) table(v *map[string]string) {
	n := r.r.Count(2)
	if n == 0 {
		*v = nil
		return
	}
	if n == 1 {
		*v = single(r.r.String(), r.r.String())
		return
	}
	*v = make(map[string]string, n)
	for range n {
		key := r.r.String()
		(*v)[key] = r.r.String()
	}
}

// levels are the metadata of nearly all configurations, which share them: a map takes as much as all else in one.
var levels = []map[string]string{{metaRequired: "0"}, {metaRequired: "1"}, {metaRequired: "2"}, {metaRequired: "3"}, {metaRequired: "4"}}

func single(key, value string) map[string]string {
	for _, shared := range levels {
		if key == metaRequired && shared[key] == value {
			return shared
		}
	}
	return map[string]string{key: value}
}
