package report

import (
	"fmt"
	"time"
)

// uptimeText writes a duration as tools expect it: whole seconds in years of 365 days, days, hours,
// minutes and seconds, from the largest unit that is not zero, as in 1d2h3m4s.
func uptimeText(d time.Duration) string {
	seconds := int64(max(d, 0) / time.Second)
	minutes, hours, days := seconds/60, seconds/3600, seconds/86400
	years := days / 365
	switch {
	case years > 0:
		return fmt.Sprintf("%dy%dd%dh%dm%ds", years, days%365, hours%24, minutes%60, seconds%60)
	case days > 0:
		return fmt.Sprintf("%dd%dh%dm%ds", days, hours%24, minutes%60, seconds%60)
	case hours > 0:
		return fmt.Sprintf("%dh%dm%ds", hours, minutes%60, seconds%60)
	case minutes > 0:
		return fmt.Sprintf("%dm%ds", minutes, seconds%60)
	}
	return fmt.Sprintf("%ds", seconds)
}
