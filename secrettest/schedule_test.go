package secrettest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret/secrettest"
)

// schedule sets the rotation rules of the secret s, without a rotation.
func schedule(c *secretsmanager.Client, rules types.RotationRulesType) error {
	_, err := c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
		SecretId: aws.String("s"), RotateImmediately: aws.Bool(false), RotationRules: &rules,
		RotationLambdaARN: aws.String("arn:aws:lambda:us-east-1:123456789012:function:rotate"),
	})
	return err
}

func describe(t testing.TB, c *secretsmanager.Client, id string) *secretsmanager.DescribeSecretOutput {
	t.Helper()
	d, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRotationDates(t *testing.T) {
	s := secrettest.New(t)
	s.OnRotate(nothing)
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	now := start
	s.SetNow(func() time.Time { return now })
	c := client(t, s)
	create(t, c, "s", "one")
	wantDates := func(when string, last, next *time.Time) {
		t.Helper()
		d := describe(t, c, "s")
		same := func(a, b *time.Time) bool { return (a == nil) == (b == nil) && (a == nil || a.Equal(*b)) }
		if !same(d.LastRotatedDate, last) || !same(d.NextRotationDate, next) {
			t.Errorf("%s: last %v, next %v, want %v and %v", when, d.LastRotatedDate, d.NextRotationDate, last, next)
		}
	}
	if err := schedule(c, types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(10)}); err != nil {
		t.Fatal(err)
	}
	wantDates("configured", nil, new(start.AddDate(0, 0, 10)))

	now = start.AddDate(0, 0, 1)
	if err := rotate(c, v2); err != nil { // the rules say every 30 days
		t.Fatal(err)
	}
	put(t, c, "s", v2, "two", "AWSPENDING")
	wantDates("under way", nil, new(start.AddDate(0, 0, 31)))
	move(t, c, "s", "AWSCURRENT", v1, v2)
	rotated := now
	wantDates("done by hand", &rotated, new(rotated.AddDate(0, 0, 30)))

	now = start.AddDate(0, 0, 2)
	put(t, c, "s", v3, "three")
	wantDates("a value put by hand counts for the next date", &rotated, new(now.AddDate(0, 0, 30)))
	move(t, c, "s", "AWSCURRENT", v3, v2)
	wantDates("moved back, which is no rotation", &rotated, new(now.AddDate(0, 0, 30)))

	if _, err := c.CancelRotateSecret(ctx, &secretsmanager.CancelRotateSecretInput{SecretId: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	wantDates("turned off", nil, nil)
}

// TestADescriptionShowsWhenAScheduleIsDue: the date is the end of the rotation window, and
// the number of days is the interval between two windows.
func TestADescriptionShowsWhenAScheduleIsDue(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	start := "2026-11-04 12:30" // a Wednesday
	for _, row := range []struct {
		schedule, duration string
		next               string
		days               int64
	}{
		{"rate(10 days)", "", "2026-11-15 00:00", 10},
		{"rate(1 day)", "", "2026-11-06 00:00", 1},
		{"rate(10 days)", "3h", "2026-11-14 03:00", 10},
		{"rate(4 hours)", "", "2026-11-04 17:00", 1},
		{"rate(48 hours)", "2h", "2026-11-06 14:00", 2},
		{"cron(0 16 1,15 * ? *)", "2h", "2026-11-15 18:00", 14},
		{"cron(0 16 1,15 * ? *)", "", "2026-11-16 00:00", 14},
		{"cron(0 8 * * ? *)", "", "2026-11-06 00:00", 1},
		{"cron(0 */12 * * ? *)", "", "2026-11-05 01:00", 1},
		{"cron(0 4/12 * * ? *)", "", "2026-11-04 17:00", 1},
		{"cron(0 23 * * ? *)", "1h", "2026-11-05 00:00", 1},
		{"cron(0 0 L * ? *)", "", "2026-12-01 00:00", 30},
		{"cron(0 16 L FEB ? *)", "", "2027-03-01 00:00", 365},
		{"cron(0 10 ? FEB,MAY,AUG,NOV TUE#2 *)", "", "2026-11-11 00:00", 91},
		{"cron(0 0 ? * 6L *)", "", "2026-11-28 00:00", 28},
		{"cron(0 0 ? * MON-FRI *)", "", "2026-11-06 00:00", 1},
		{"cron(0 0 29 2 ? *)", "", "2028-03-01 00:00", 1000},
	} {
		t.Run(row.schedule+row.duration, func(t *testing.T) {
			s := secrettest.New(t)
			s.OnRotate(nothing)
			s.SetNow(func() time.Time { return at(start) })
			c := memory(s)
			create(t, c, "s", "one")
			rules := types.RotationRulesType{ScheduleExpression: &row.schedule}
			if row.duration != "" {
				rules.Duration = &row.duration
			}
			if err := schedule(c, rules); err != nil {
				t.Fatal(err)
			}
			d := describe(t, c, "s")
			r := d.RotationRules
			if !d.NextRotationDate.Equal(at(row.next)) || *r.AutomaticallyAfterDays != row.days {
				t.Errorf("next %v, %d days, want %s and %d", d.NextRotationDate, *r.AutomaticallyAfterDays, row.next, row.days)
			}
			if *r.ScheduleExpression != row.schedule || aws.ToString(r.Duration) != row.duration {
				t.Errorf("rules = %+v", r)
			}
			list, err := c.ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
			if err != nil || *list.SecretList[0].RotationRules.AutomaticallyAfterDays != row.days {
				t.Errorf("ListSecrets = %+v, %v", list, err)
			}
		})
	}
}

func TestASchedulesMistakeIsNamed(t *testing.T) {
	s := secrettest.New(t)
	s.OnRotate(nothing)
	c := memory(s)
	create(t, c, "s", "one")
	const param, model = "InvalidParameterException", "ValidationException"
	for _, row := range []struct{ schedule, duration, code, message string }{
		{"rate(3 hours)", "", param, "The shortest interval is 4 hours."},
		{"rate(0 days)", "", param, "The shortest interval"},
		{"rate(1000 days)", "", param, "The longest interval is 999 days."},
		{"rate(10 minutes)", "", param, "of the form rate(10 days) or cron(0 16 1 * ? *)"},
		{"every day", "", param, "of the form"},
		{"cron(0 16 1 * ?)", "", param, "six fields"},
		{"cron(30 16 1 * ? *)", "", param, "minutes must be 0"},
		{"cron(0 24 1 * ? *)", "", param, "hours takes 0-23"},
		{"cron(0 16 32 * ? *)", "", param, "day of month takes 1-31"},
		{"cron(0 16 1 13 ? *)", "", param, "months takes 1-12"},
		{"cron(0 16 ? * FRY *)", "", param, "day of week takes 1-7"},
		{"cron(0 16 ? * TUE#6 *)", "", param, "day of week takes 1-7"},
		{"cron(0 16 1 * ? 2027)", "", param, "years must be *"},
		{"cron(0 16 1 * MON *)", "", param, "must be ?"},
		{"cron(0 16 ? * ? *)", "", param, "must be ?"},
		{"cron(0 16 31 2 ? *)", "", param, "There is no such day."},
		{"cron(0 10-8 1 * ? *)", "", param, "hours takes"},
		{"cron(0 22 1 * ? *)", "3h", param, "next UTC day"},
		{"cron(0 */4 * * ? *)", "5h", param, "next rotation window"},
		{"rate(4 hours)", "5h", param, "next rotation window"},
		{"rate(10 days)", "0h", param, "from 1h to 24h"},
		{"rate(10 days)", "25h", param, "from 1h to 24h"},
		{"rate(10 days)", "90m", model, "'rotationRules.duration' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9]+h"},
		{"rate(10_days)", "", model, "'rotationRules.scheduleExpression' failed to satisfy constraint"},
	} {
		t.Run(row.schedule+row.duration, func(t *testing.T) {
			rules := types.RotationRulesType{ScheduleExpression: &row.schedule}
			if row.duration != "" {
				rules.Duration = &row.duration
			}
			err := schedule(c, rules)
			wantError(t, err, row.code, "")
			if err != nil && !strings.Contains(err.Error(), row.message) {
				t.Errorf("%v, want %s", err, row.message)
			}
		})
	}
	err := schedule(c, types.RotationRulesType{ScheduleExpression: aws.String("rate(10 days)"), AutomaticallyAfterDays: aws.Int64(10)})
	wantError(t, err, param, "You cannot specify both rotation frequency and schedule expression together.")
	if d := describe(t, c, "s"); d.RotationEnabled != nil || d.RotationRules != nil {
		t.Errorf("a refused schedule has set something: %+v", d)
	}
}
