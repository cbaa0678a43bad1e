package secrettest

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// cron is a cron expression of Secrets Manager. Its minute is always 0, and its year is
// any.
type cron struct {
	hours []int // sorted
	month func(time.Time) bool
	day   func(time.Time) bool // both fields of days
}

// parseCron parses an expression. If the expression is invalid, wrong says why.
func parseCron(text string) (c *cron, wrong string) {
	fields := strings.Fields(text)
	if len(fields) != 6 {
		return nil, "A cron expression has six fields: minutes, hours, day of month, month, day of week, year."
	}
	minutes, hours, dayOfMonth, month, dayOfWeek, year := fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]
	h, hoursOK := numbers(hours, 0, 23, nil)
	m, monthOK := numbers(month, 1, 12, monthNames)
	dom, domOK := daysOfMonth(dayOfMonth)
	dow, dowOK := daysOfWeek(dayOfWeek)
	switch {
	case minutes != "0":
		return nil, "The field of minutes must be 0."
	case !hoursOK:
		return nil, "The field of hours takes 0-23."
	case !domOK:
		return nil, "The field of the day of month takes 1-31, ? and L."
	case !monthOK:
		return nil, "The field of months takes 1-12 and JAN-DEC."
	case !dowOK:
		return nil, "The field of the day of week takes 1-7, SUN-SAT, ?, # and L."
	case year != "*":
		return nil, "The field of years must be *."
	case (dayOfMonth == "?") == (dayOfWeek == "?"):
		return nil, "One of the two fields of days must be ?."
	}
	c = &cron{
		hours: h,
		month: func(t time.Time) bool { return slices.Contains(m, int(t.Month())) },
		day:   func(t time.Time) bool { return dom(t) && dow(t) },
	}
	if c.after(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, "There is no such day."
	}
	return c, ""
}

var (
	monthNames = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	dayNames   = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

// farthest is the most days until the next leap day: eight years around a century without
// one.
const farthest = 8*366 + 1

// after returns the first hour of the expression after a time, or the zero time if there is
// none.
func (c *cron) after(from time.Time) time.Time {
	for i := range farthest {
		for _, t := range c.on(midnight(from).AddDate(0, 0, i)) {
			if t.After(from) {
				return t
			}
		}
	}
	return time.Time{}
}

// before returns the last hour of the expression that is not after a time.
func (c *cron) before(from time.Time) time.Time {
	for i := range farthest {
		for _, t := range slices.Backward(c.on(midnight(from).AddDate(0, 0, -i))) {
			if !t.After(from) {
				return t
			}
		}
	}
	return time.Time{}
}

// on returns the hours of one day.
func (c *cron) on(day time.Time) (hours []time.Time) {
	if c.month(day) && c.day(day) {
		for _, h := range c.hours {
			hours = append(hours, day.Add(time.Duration(h)*time.Hour))
		}
	}
	return hours
}

// numbers returns the sorted numbers of a field, which has values, ranges, steps and names.
func numbers(field string, lo, hi int, names []string) (found []int, ok bool) {
	number := func(s string) (int, bool) {
		if i := slices.Index(names, strings.ToUpper(s)); i >= 0 {
			return lo + i, true
		}
		n, err := strconv.Atoi(s)
		return n, err == nil && n >= lo && n <= hi
	}
	for part := range strings.SplitSeq(field, ",") {
		span, step, stepped := strings.Cut(part, "/")
		every := 1
		if stepped {
			n, err := strconv.Atoi(step)
			if err != nil || n < 1 || n > hi {
				return nil, false
			}
			every = n
		}
		first, last := lo, hi
		if span != "*" {
			from, to, ranged := strings.Cut(span, "-")
			if first, ok = number(from); !ok {
				return nil, false
			}
			switch {
			case ranged:
				if last, ok = number(to); !ok || last < first {
					return nil, false
				}
			case !stepped:
				last = first
			}
		}
		for n := first; n <= last; n += every {
			found = append(found, n)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), true
}

func daysOfMonth(field string) (func(time.Time) bool, bool) {
	switch field {
	case "?":
		return func(time.Time) bool { return true }, true
	case "L":
		return lastOfMonth, true
	}
	days, ok := numbers(field, 1, 31, nil)
	return func(t time.Time) bool { return slices.Contains(days, t.Day()) }, ok
}

// daysOfWeek parses the forms in the user guide, with one # or L in a field: TUE#2 is the
// second Tuesday of a month, 6L its last Friday.
func daysOfWeek(field string) (func(time.Time) bool, bool) {
	if field == "?" {
		return func(time.Time) bool { return true }, true
	}
	if field == "L" {
		field = "7"
	}
	only := func(time.Time) bool { return true }
	if name, nth, ok := strings.Cut(field, "#"); ok {
		n, err := strconv.Atoi(nth)
		if err != nil || n < 1 || n > 5 || strings.ContainsAny(name, ",-/*") {
			return nil, false
		}
		field, only = name, func(t time.Time) bool { return (t.Day()-1)/7 == n-1 }
	} else if name, ok := strings.CutSuffix(field, "L"); ok {
		if strings.ContainsAny(name, ",-/*") {
			return nil, false
		}
		field, only = name, func(t time.Time) bool { return t.AddDate(0, 0, 7).Month() != t.Month() }
	}
	days, ok := numbers(field, 1, 7, dayNames)
	return func(t time.Time) bool { return slices.Contains(days, int(t.Weekday())+1) && only(t) }, ok
}

func lastOfMonth(t time.Time) bool { return t.AddDate(0, 0, 1).Month() != t.Month() }
