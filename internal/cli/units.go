package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// unlimited is how a limit is said that there is not.
const unlimited = "unlimited"

// stamp is how times are said to people, in the local time zone.
const stamp = time.DateTime

// bytesText says a number of bytes to people, in units of 1024.
func bytesText(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), -1
	for value >= 1024 {
		value, unit = value/1024, unit+1
	}
	digits := 0
	if value < 10 {
		digits = 1
	}
	return fmt.Sprintf("%.*f %ciB", digits, value, "KMGTPE"[unit])
}

// countText says a number to people, with a comma between thousands.
func countText[T int | int32 | int64 | uint64](n T) string {
	digits := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// limitText says a limit to people. There is none if it is not above zero.
func limitText[T int | int32 | int64 | uint64](n T) string {
	if n <= 0 {
		return unlimited
	}
	return countText(n)
}

// bytesLimitText says a limit in bytes to people. There is none if it is not above zero.
func bytesLimitText(n int64) string {
	if n <= 0 {
		return unlimited
	}
	return bytesText(uint64(n))
}

const (
	day  = 24 * time.Hour
	week = 7 * day
	year = 365 * day
)

// durationText says a duration to people: to the second, or with three digits if it is below one.
func durationText(d time.Duration) string {
	if d < time.Second {
		return roundedText(d)
	}
	var b strings.Builder
	for _, part := range []struct {
		unit time.Duration
		name string
	}{{year, "y"}, {day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if n := d / part.unit; n > 0 || b.Len() > 0 {
			fmt.Fprintf(&b, "%d%s", n, part.name)
			d -= n * part.unit
		}
	}
	if b.Len() == 0 {
		return d.Round(10 * time.Millisecond).String()
	}
	fmt.Fprintf(&b, "%ds", d/time.Second)
	return b.String()
}

// roundedText keeps three digits of a short duration.
func roundedText(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

// durationLimitText says a duration that limits something. There is no limit if it is not above zero.
func durationLimitText(d time.Duration) string {
	if d <= 0 {
		return unlimited
	}
	return durationText(d)
}

// sinceText says how long ago something was.
func sinceText(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return durationText(max(0, time.Since(t)))
}

// parseDuration reads a duration as in 1d3h5m2s: those of Go, and y, M, w and d for years of 365 and months of 30
// days, weeks and days.
func parseDuration(s string) (time.Duration, error) {
	text := strings.TrimSpace(s)
	sign := time.Duration(1)
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		text, sign = rest, -1
	}
	if text == "0" {
		return 0, nil
	}
	if text == "" {
		return 0, fmt.Errorf("%q is no duration like 1d12h30m", s)
	}
	var total time.Duration
	for text != "" {
		n := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if n <= 0 {
			return 0, fmt.Errorf("%q is no duration like 1d12h30m", s)
		}
		end := n + strings.IndexFunc(text[n:]+"0", func(r rune) bool { return r >= '0' && r <= '9' })
		value, unit := text[:n], text[n:end]
		part, err := durationPart(value, unit)
		if err != nil || total+part < total {
			return 0, fmt.Errorf("%q is no duration like 1d12h30m", s)
		}
		total, text = total+part, text[end:]
	}
	return sign * total, nil
}

// durationPart reads one number with its unit.
func durationPart(value, unit string) (time.Duration, error) {
	long, ok := map[string]time.Duration{"y": year, "Y": year, "M": 30 * day, "w": week, "W": week, "d": day, "D": day}[unit]
	if !ok {
		return time.ParseDuration(value + unit)
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || n*float64(long) > math.MaxInt64/2 {
		return 0, fmt.Errorf("%s%s is out of range", value, unit)
	}
	return time.Duration(n * float64(long)), nil
}

// parseBytes reads a number of bytes as in 512, 64K, 10MB or 1GiB: units are powers of 1024, as in the nats tool. -1
// stands for no limit.
func parseBytes(s string) (int64, error) {
	text := strings.ToUpper(strings.TrimSpace(s))
	if text == "-1" {
		return -1, nil
	}
	end := strings.IndexFunc(text+"B", func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	number, unit := text[:end], strings.TrimSpace(text[end:])
	unit = strings.TrimSuffix(strings.TrimSuffix(unit, "B"), "I")
	power := 0
	if unit != "" {
		power = strings.Index("KMGTPE", unit) + 1
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || len(unit) > 1 || unit != "" && power == 0 {
		return 0, fmt.Errorf("%q is no number of bytes like 512, 64KB or 1GB", s)
	}
	if exact, err := strconv.ParseInt(number, 10, 64); err == nil && power == 0 {
		return exact, nil
	}
	n *= math.Pow(1024, float64(power))
	if n >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is more bytes than can be counted", s)
	}
	return int64(n), nil
}

// durationFlag is a flag whose value parseDuration reads.
type durationFlag struct{ d *time.Duration }

func (f durationFlag) Type() string { return "duration" }

func (f durationFlag) String() string {
	if f.d == nil || *f.d == 0 {
		return ""
	}
	return f.d.String()
}

func (f durationFlag) Set(s string) (err error) {
	*f.d, err = parseDuration(s)
	return err
}

// bytesFlag is a flag whose value parseBytes reads.
type bytesFlag struct{ n *int64 }

func (f bytesFlag) Type() string { return "bytes" }

func (f bytesFlag) String() string {
	if f.n == nil || *f.n == 0 {
		return ""
	}
	return strconv.FormatInt(*f.n, 10)
}

func (f bytesFlag) Set(s string) (err error) {
	*f.n, err = parseBytes(s)
	return err
}
