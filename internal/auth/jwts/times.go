package jwts

import (
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
)

// ends returns when a user's time is over, by its claims and by the hours that limits have; zero for never. Outside of these it is an
// error.
func ends(c *jwt.UserClaims, limits *jwt.UserPermissionLimits, now time.Time) (time.Time, error) {
	over, err := rangeEnd(limits.Times, limits.Locale, now)
	return earliest(unix(c.Expires), over), err
}

// rangeEnd returns when the last of the ranges that now is within is over; zero for never, if there are no ranges. Outside of
// all of them it is an error.
func rangeEnd(ranges []jwt.TimeRange, zone string, now time.Time) (over time.Time, err error) {
	if len(ranges) == 0 {
		return time.Time{}, nil
	}
	place := time.Local
	if zone != "" {
		if place, err = time.LoadLocation(zone); err != nil {
			return time.Time{}, fmt.Errorf("times_location: %w", err)
		}
	}
	now = now.In(place)
	for i := range ranges {
		start, err := ofDay(now, ranges[i].Start)
		if err != nil {
			return time.Time{}, err
		}
		end, err := ofDay(now, ranges[i].End)
		if err != nil {
			return time.Time{}, err
		}
		switch {
		case !start.After(end): // within a day
		case now.Before(end): // over midnight, and the second part
			start = start.AddDate(0, 0, -1)
		default:
			end = end.AddDate(0, 0, 1)
		}
		if !now.Before(start) && now.Before(end) && end.After(over) {
			over = end
		}
	}
	if over.IsZero() {
		return time.Time{}, errTimes
	}
	return over, nil
}

// ofDay is a time such as 08:15:00 on the day of now.
func ofDay(now time.Time, clock string) (time.Time, error) {
	t, err := time.Parse(time.TimeOnly, clock)
	if err != nil {
		return time.Time{}, fmt.Errorf("time range: %w", err)
	}
	return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location()), nil
}

// unix is a time in seconds since 1970; zero is none.
func unix(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// earliest is the first of two times, of which zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
