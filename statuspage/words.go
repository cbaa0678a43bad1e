package statuspage

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// units are the units of the times on the page, the largest first.
var units = []struct {
	length time.Duration
	name   string
}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}

// span tells a span of time as people do, by its largest unit: 12 min, 3 h.
func span(d time.Duration) string {
	for _, u := range units {
		if d >= u.length {
			return fmt.Sprintf("%d %s", d/u.length, u.name)
		}
	}
	return "0 s"
}

// ago tells how long before now t was.
func ago(now, t time.Time) string {
	if d := now.Sub(t); d >= time.Second {
		return span(d) + " ago"
	}
	return "just now"
}

// lasting tells how long something lasts that began at t.
func lasting(now, t time.Time) string { return span(now.Sub(t)) }

// until tells how long after now t is.
func until(now, t time.Time) string {
	switch d := t.Sub(now); {
	case t.IsZero():
		return "none"
	case d < time.Second:
		return "at the next read"
	default:
		return "in " + span(d)
	}
}

// count tells a number of things: 1 fetch, 2 fetches.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// short returns a version ID, without its middle if it is long. AWS's are UUIDs, of which the first
// digits tell two apart; others may differ in their last alone.
func short(version string) string {
	const most, head, tail = 20, 8, 4
	if r := []rune(version); len(r) > most {
		return string(r[:head]) + "…" + string(r[len(r)-tail:])
	}
	return version
}

// printable returns s with each rune that is none to be seen replaced, so that no name can lead
// a terminal astray.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
