package stream

import (
	"encoding/binary"
	"math"
	"slices"
	"sort"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/bin"
	"myelin/internal/header"
)

// Zone states the rules of a time zone for schedules. The machine reads no files and carries no rules, which
// change with every version of a database: it knows the zones that it was told about, so that all replicas
// and every later version go by the same. Whoever proposes a message with a schedule in a zone states it
// first, and may state it again when its rules have changed.
type Zone struct {
	Name  string
	Rules []byte // as ZoneRules makes them
}

const (
	maxZones         = 1024
	maxZoneNameBytes = 128
	maxZoneBytes     = 16 << 10
	zoneYears        = 40 // that rules are made for
	maxZoneKinds     = 40
)

const scheduleZone = "Nats-Schedule-Time-Zone"

// WantedZone is the time zone that an Append command names for its schedule, if it does.
func WantedZone(command []byte) (name string, ok bool) {
	var a Append
	if _, ok := a.cut(command); !ok {
		return "", false
	}
	value := header.Get(a.Header, scheduleZone)
	return string(value), len(value) > 0
}

// Encode appends the command to the Data of an entry.
func (z Zone) Encode(dst []byte) []byte {
	fields := bin.AppendString([]byte{kindZone}, z.Name)
	return bin.AppendBytes(dst, bin.AppendBytes(fields, z.Rules))
}

// zones are the rules of time zones by name.
type zones map[string]zone

type zone struct {
	rules    []byte
	location *time.Location
}

// find returns the zone of that name.
func (z zones) find(name string) (*time.Location, bool) {
	if name == "UTC" {
		return time.UTC, true
	}
	known, ok := z[name]
	return known.location, ok
}

// HasZone reports whether a Zone of that name need not be stated any more.
func (s *State) HasZone(name string) bool {
	_, ok := s.zones.find(name)
	return ok
}

// define applies a Zone.
func (s *State) define(c Zone) Reply {
	if s.config == nil {
		return refuse(apierr.StreamNotFound)
	}
	if _, known := s.zones[c.Name]; !known && len(s.zones) >= maxZones || c.Name == "UTC" {
		return refuse(apierr.BadRequest)
	}
	z, ok := newZone(c.Name, c.Rules)
	if !ok {
		return refuse(apierr.MessageSchedulesTimeZoneInvalid)
	}
	next := zones{c.Name: z} // views read the old ones
	for name, known := range s.zones {
		if name != c.Name {
			next[name] = known
		}
	}
	s.zones = next
	return Reply{}
}

func newZone(name string, rules []byte) (zone, bool) {
	if name == "" || len(name) > maxZoneNameBytes || len(rules) > maxZoneBytes {
		return zone{}, false
	}
	location, err := time.LoadLocationFromTZData(name, rules)
	return zone{slices.Clone(rules), location}, err == nil
}

// snapshot appends the number of zones, and name and rules of each, by name.
func (z zones) snapshot(dst []byte) []byte {
	dst = bin.AppendUvarint(dst, uint64(len(z)))
	names := make([]string, 0, len(z))
	for name := range z {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		dst = bin.AppendBytes(bin.AppendString(dst, name), z[name].rules)
	}
	return dst
}

func (z *zones) restore(r *bin.Reader) {
	n := r.Count(2)
	if n == 0 {
		return
	}
	*z = make(zones, n)
	last := ""
	for range n {
		name := r.String()
		known, ok := newZone(name, r.Bytes())
		if !ok || name <= last || n > maxZones {
			r.Fail(errSnapshot)
			return
		}
		(*z)[name], last = known, name
	}
}

// clockKind is how clocks are set in a zone for some time.
type clockKind struct {
	offset int // seconds east of UTC
	summer bool
	name   string
}

func kindAt(location *time.Location, unix int64) clockKind {
	t := time.Unix(unix, 0).In(location)
	name, offset := t.Zone()
	return clockKind{offset, t.IsDST(), name}
}

// change is when clocks are set otherwise.
type change struct {
	unix int64
	kind int
}

// ZoneRules writes down the changes of a zone's clock from a year before now on, for some decades, in the form
// of a TZif file. The location comes from wherever the host has its time zones.
func ZoneRules(location *time.Location, now time.Time) []byte {
	const day = 24 * 60 * 60
	at, end := now.AddDate(-1, 0, 0).Unix(), now.AddDate(zoneYears, 0, 0).Unix()
	kinds := []clockKind{kindAt(location, at)}
	changes := []change{{math.MinInt64, 0}}
	for ; at < end && len(kinds) < maxZoneKinds; at += day {
		last := kinds[changes[len(changes)-1].kind]
		if kindAt(location, at+day) == last {
			continue
		}
		second := at + 1 + int64(sort.Search(day, func(n int) bool { return kindAt(location, at+1+int64(n)) != last }))
		k := kindAt(location, second)
		i := slices.Index(kinds, k)
		if i < 0 {
			i = len(kinds)
			kinds = append(kinds, k)
		}
		changes = append(changes, change{second, i})
	}
	return appendZone(nil, changes, kinds)
}

// appendZone appends a TZif file of version 2, whose part for readers of 32 bits says nothing.
func appendZone(b []byte, changes []change, kinds []clockKind) []byte {
	var names []byte
	for _, k := range kinds {
		names = append(append(names, k.name...), 0)
	}
	head := func(b []byte, counts ...int) []byte {
		b = append(append(b, "TZif2"...), make([]byte, 15)...)
		for _, n := range append([]int{0, 0, 0}, counts...) {
			b = binary.BigEndian.AppendUint32(b, uint32(n))
		}
		return b
	}
	b = append(head(b, 0, 1, 1), make([]byte, 7)...)
	b = head(b, len(changes), len(kinds), len(names))
	for _, c := range changes {
		b = binary.BigEndian.AppendUint64(b, uint64(c.unix))
	}
	for _, c := range changes {
		b = append(b, byte(c.kind))
	}
	at := 0
	for _, k := range kinds {
		b = binary.BigEndian.AppendUint32(b, uint32(int32(k.offset)))
		b = append(bin.AppendBool(b, k.summer), byte(at))
		at += len(k.name) + 1
	}
	return append(append(b, names...), "\n\n"...)
}
