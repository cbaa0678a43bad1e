package secrettest

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// rotationRules say when a secret is rotated. The server computes the dates, but rotates
// nothing by itself.
type rotationRules struct {
	AutomaticallyAfterDays *int64  `json:",omitempty" range:"1,1000"`
	Duration               *string `json:",omitempty" len:"2,3" pattern:"[0-9]+h"`
	ScheduleExpression     *string `json:",omitempty" len:"1,256" pattern:"[0-9A-Za-z\\(\\)#\\?\\*\\-\\/, ]+"`
}

func (r *rotationRules) UnmarshalJSON(b []byte) error {
	return exactly(b, map[string]any{
		"AutomaticallyAfterDays": &r.AutomaticallyAfterDays, "Duration": &r.Duration, "ScheduleExpression": &r.ScheduleExpression,
	})
}

// check returns an error if the rules contradict each other or the schedule is invalid. The
// rules are from the user guide ("Rotation schedules"). The words of the first error are
// from hashicorp/terraform-provider-aws issue 33329; those of the others are not
// documented.
func (r *rotationRules) check() error {
	if r == nil {
		return nil
	}
	if r.AutomaticallyAfterDays != nil && r.ScheduleExpression != nil {
		return invalidParameter("You cannot specify both rotation frequency and schedule expression together.")
	}
	hours := 0
	if r.Duration != nil {
		hours, _ = strconv.Atoi(strings.TrimSuffix(*r.Duration, "h"))
		if hours < 1 || hours > 24 {
			return invalidParameter("The rotation window Duration must be from 1h to 24h.")
		}
	}
	if r.ScheduleExpression == nil {
		return nil
	}
	sch, err := parseSchedule(*r.ScheduleExpression)
	if err != nil {
		return err
	}
	return sch.fits(hours)
}

// next returns the latest time of a secret's next rotation. It is the end of the first
// rotation window after the last rotation, or after rotation was turned on. A number of
// days is counted to the second.
func (r *rotation) next() time.Time {
	if !r.enabled || r.rules == nil {
		return time.Time{}
	}
	switch sch := r.rules.schedule(); {
	case sch != nil:
		start := sch.after(r.from())
		if start.IsZero() {
			return start
		}
		return start.Add(sch.window(start, r.rules.Duration))
	case r.rules.AutomaticallyAfterDays != nil:
		return r.from().AddDate(0, 0, int(*r.rules.AutomaticallyAfterDays))
	default:
		return time.Time{}
	}
}

// from returns the beginning of the present interval.
func (r *rotation) from() time.Time {
	from := r.last
	if r.put.After(from) {
		from = r.put
	}
	if from.IsZero() {
		from = r.since
	}
	return from.UTC()
}

// described returns the rules for a description. There a schedule also has a number of
// days: the interval until the next window, rounded up. The API Reference says that the
// number is calculated. In DescribeSecret's example the 1st and 15th of a month make 14.
func (r *rotation) described() *rotationRules {
	sch := r.rules.schedule()
	if sch == nil {
		return r.rules
	}
	rules := *r.rules
	days := int64(sch.interval(r.from()))
	rules.AutomaticallyAfterDays = &days
	return &rules
}

// interval returns the number of days between the window before a time and the window after
// it, within the limits of AutomaticallyAfterDays.
func (sch *schedule) interval(from time.Time) int {
	hours := sch.hours + 24*sch.days
	if sch.cron != nil {
		hours = int(sch.cron.after(from).Sub(sch.cron.before(from)).Hours())
	}
	return min(max(1, (hours+23)/24), 1000)
}

// schedule returns the schedule of a ScheduleExpression, or nil.
func (r *rotationRules) schedule() *schedule {
	if r == nil || r.ScheduleExpression == nil {
		return nil
	}
	sch, _ := parseSchedule(*r.ScheduleExpression) // check has parsed it
	return sch
}

// schedule is a rate in hours or days, or a cron expression.
type schedule struct {
	hours, days int
	cron        *cron
}

var rateExpression = regexp.MustCompile(`^rate\((\d{1,4}) (hours?|days?)\)$`)

func parseSchedule(text string) (*schedule, error) {
	if m := rateExpression.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		switch hours := strings.HasPrefix(m[2], "hour"); {
		case n < 1 || hours && n < 4:
			return nil, invalidParameter("The schedule expression " + text + " is not valid. The shortest interval is 4 hours.")
		case n > 999 && !hours || n > 999*24:
			return nil, invalidParameter("The schedule expression " + text + " is not valid. The longest interval is 999 days.")
		case hours:
			return &schedule{hours: n}, nil
		default:
			return &schedule{days: n}, nil
		}
	}
	inner, ok := strings.CutPrefix(text, "cron(")
	inner, closed := strings.CutSuffix(inner, ")")
	if !ok || !closed {
		return nil, invalidParameter("The schedule expression " + text + " is not valid. It is of the form rate(10 days) or cron(0 16 1 * ? *).")
	}
	c, wrong := parseCron(inner)
	if wrong != "" {
		return nil, invalidParameter("The schedule expression " + text + " is not valid. " + wrong)
	}
	return &schedule{cron: c}, nil
}

// fits returns an error if a window of this many hours reaches into the next UTC day or the
// next window.
func (sch *schedule) fits(hours int) error {
	if sch.hours > 0 && hours > sch.hours {
		return invalidParameter("The rotation window must not extend into the next rotation window.")
	}
	if sch.cron != nil && hours > 0 {
		starts := sch.cron.hours
		for i, h := range starts {
			if h+hours > 24 || i > 0 && starts[i-1]+hours > h {
				return invalidParameter("The rotation window must not extend into the next UTC day or the next rotation window.")
			}
		}
	}
	return nil
}

// window returns the length of the window that starts at a time. By default it ends with
// the UTC day, or after an hour if there may be several windows a day.
func (sch *schedule) window(start time.Time, duration *string) time.Duration {
	if duration != nil {
		d, _ := time.ParseDuration(*duration)
		return d
	}
	if sch.hours > 0 || sch.cron != nil && len(sch.cron.hours) > 1 {
		return time.Hour
	}
	return midnight(start).AddDate(0, 0, 1).Sub(start)
}

// after returns the start of the first window after a time, or the zero time. A rate in
// days starts at midnight, and a rate in hours on the hour.
func (sch *schedule) after(from time.Time) time.Time {
	switch {
	case sch.cron != nil:
		return sch.cron.after(from)
	case sch.days > 0:
		return midnight(from.AddDate(0, 0, sch.days))
	default:
		return from.Add(time.Duration(sch.hours) * time.Hour).Truncate(time.Hour)
	}
}

func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
