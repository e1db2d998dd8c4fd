package stream

import (
	"strconv"
	"strings"
	"time"
)

// timing is when a schedule fires: once, at intervals, or at the times of a cron expression.
type timing struct {
	at    time.Time
	every time.Duration
	cron  *cron
}

// cron is an expression of six fields, each a set of bits, in a time zone.
type cron struct {
	second, minute, hour, day, month, weekday uint64
	anyDay, anyWeekday                        bool // they are not restricted
	zone                                      *time.Location
}

// predefined expressions, by name.
var predefined = map[string]string{
	"@yearly":   "0 0 0 1 1 *",
	"@annually": "0 0 0 1 1 *",
	"@monthly":  "0 0 0 1 * *",
	"@weekly":   "0 0 0 * * 0",
	"@daily":    "0 0 0 * * *",
	"@midnight": "0 0 0 * * *",
	"@hourly":   "0 0 * * * *",
}

const (
	minInterval = time.Second
	cronYears   = 5 // an expression that has no time within so many years has none
)

// parseTiming reads what Nats-Schedule says. A zone is for cron expressions only.
func parseTiming(text string, zone *time.Location) (t timing, ok bool) {
	if at, found := strings.CutPrefix(text, "@at "); found {
		when, err := time.Parse(time.RFC3339, at)
		return timing{at: when}, err == nil && zone == nil
	}
	if every, found := strings.CutPrefix(text, "@every "); found {
		d, err := time.ParseDuration(every)
		return timing{every: d}, err == nil && d >= minInterval && zone == nil
	}
	if strings.HasPrefix(text, "@") {
		text = predefined[text]
	}
	if zone == nil {
		zone = time.UTC
	}
	c, ok := parseCron(text, zone)
	return timing{cron: c}, ok
}

// cronFields are the fields in their order. A name counts from the least value.
var cronFields = []struct {
	least, most int
	names       []string
}{
	{0, 59, nil}, {0, 59, nil}, {0, 23, nil}, {1, 31, nil},
	{1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{0, 6, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

func parseCron(text string, zone *time.Location) (*cron, bool) {
	words := strings.Fields(text)
	if len(words) != len(cronFields) {
		return nil, false
	}
	var sets [6]uint64
	var anys [6]bool
	for i, word := range words {
		for part := range strings.SplitSeq(word, ",") {
			if part == "" {
				continue
			}
			set, all, ok := parseCronPart(part, i)
			if !ok {
				return nil, false
			}
			sets[i] |= set
			anys[i] = anys[i] || all
		}
		if sets[i] == 0 {
			return nil, false
		}
	}
	return &cron{sets[0], sets[1], sets[2], sets[3], sets[4], sets[5], anys[3], anys[5], zone}, true
}

// parseCronPart reads a value, a range or all values, each with a step or not.
func parseCronPart(part string, field int) (set uint64, all, ok bool) {
	f := cronFields[field]
	span, step, stepped := strings.Cut(part, "/")
	low, high, ranged := strings.Cut(span, "-")
	first, last, by := f.least, f.most, 1
	if low != "*" && low != "?" {
		if first, ok = cronValue(low, field); !ok {
			return 0, false, false
		}
		switch {
		case ranged:
			if last, ok = cronValue(high, field); !ok {
				return 0, false, false
			}
		case !stepped:
			last = first
		}
	} else {
		all = true
	}
	if stepped {
		n, err := strconv.Atoi(step)
		if err != nil || n <= 0 {
			return 0, false, false
		}
		by, all = n, all && n == 1
	}
	if first < f.least || last > f.most || first > last {
		return 0, false, false
	}
	for v := first; v <= last && v >= first; v += by {
		set |= 1 << v
	}
	return set, all, true
}

func cronValue(text string, field int) (int, bool) {
	for i, name := range cronFields[field].names {
		if strings.EqualFold(text, name) {
			return cronFields[field].least + i, true
		}
	}
	v, err := strconv.Atoi(text)
	return v, err == nil
}

// next is the first time after t; none if there is none within some years. In a zone it goes by the clock
// on the wall: times that are skipped there are skipped, those that come twice count twice.
func (c *cron) next(t time.Time) (time.Time, bool) {
	t = t.In(c.zone).Truncate(time.Second).Add(time.Second)
	for end := t.Year() + cronYears; t.Year() <= end; {
		year, month, day := t.Date()
		hour, minute, second := t.Clock()
		intoHour := time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
		switch {
		case c.month&(1<<month) == 0:
			t = midnight(t, year, month+1, 1)
		case !c.onDay(t):
			t = midnight(t, year, month, day+1)
		case c.hour&(1<<hour) == 0:
			t = t.Add(time.Hour - intoHour)
		case c.minute&(1<<minute) == 0:
			t = t.Add(time.Minute - time.Duration(second)*time.Second)
		case c.second&(1<<second) == 0:
			t = t.Add(time.Second)
		default:
			return t, true
		}
	}
	return time.Time{}, false
}

// midnight is the start of a day after t, or the first hour that it has, where clocks skip it.
func midnight(t time.Time, year int, month time.Month, day int) time.Time {
	start := time.Date(year, month, day, 0, 0, 0, 0, t.Location())
	for start.Day() == t.Day() && start.Month() == t.Month() || !start.After(t) {
		start = start.Add(time.Hour)
	}
	return start
}

// onDay: of two restricted fields one is enough.
func (c *cron) onDay(t time.Time) bool {
	day, weekday := c.day&(1<<t.Day()) != 0, c.weekday&(1<<t.Weekday()) != 0
	if c.anyDay || c.anyWeekday {
		return day && weekday
	}
	return day || weekday
}

// first is the time at which a schedule that begins now fires for the first time.
func (t *timing) first(now int64) (time.Time, bool) {
	if !t.at.IsZero() || t.every == 0 && t.cron == nil {
		return t.at, true
	}
	return t.after(time.Unix(0, now).UTC())
}

// after is the time at which it fires after another; there is none after the one of a single time.
func (t *timing) after(last time.Time) (time.Time, bool) {
	switch {
	case t.every > 0:
		return last.Round(time.Second).Add(t.every), true
	case t.cron != nil:
		return t.cron.next(last)
	}
	return time.Time{}, false
}
