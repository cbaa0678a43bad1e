package secrettest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

func TestLatenciesAddUp(t *testing.T) {
	const minute = time.Minute
	throttling := secrettest.Throttling()
	denied := secrettest.AccessDenied()
	for _, row := range []struct {
		name   string
		faults []secrettest.Fault
		ids    []string        // one ID means GetSecretValue, several a batch
		want   []time.Duration // the latencies of successive requests
	}{
		{
			"of faults whose effect another hides",
			[]secrettest.Fault{{Effect: throttling}, {Latency: minute, Effect: secrettest.InternalError()}, {Latency: minute}},
			[]string{"s"},
			[]time.Duration{2 * minute, 2 * minute},
		},
		{
			"of a hidden fault that begins later and ends",
			[]secrettest.Fault{{Times: 2, Effect: throttling}, {Skip: 1, Times: 1, Latency: minute, Effect: throttling}},
			[]string{"s"},
			[]time.Duration{0, 0, 0, minute, 0},
		},
		{
			"of a hidden fault, which has yet to hit",
			[]secrettest.Fault{{Times: 1, Effect: throttling}, {Times: 1, Latency: minute, Effect: throttling}},
			[]string{"s"},
			[]time.Duration{minute, minute, 0},
		},
		{
			"of faults that befall secrets of a batch",
			[]secrettest.Fault{
				{SecretID: "s", Latency: minute, Effect: denied},
				{SecretID: "t", Operation: "GetSecretValue", Times: 1, Latency: minute, Effect: denied},
				{SecretID: "u", Latency: minute, Effect: denied},
			},
			[]string{"s", "t"},
			[]time.Duration{2 * minute, minute},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := secrettest.New(t)
				c := memory(s)
				for _, f := range row.faults {
					s.Fail(t, f)
				}
				for i, want := range row.want {
					start := time.Now()
					if len(row.ids) == 1 {
						_ = get(ctx, c, row.ids[0])
					} else if _, err := c.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: row.ids}); err != nil {
						t.Fatal(err)
					}
					if took := time.Since(start); took != want {
						t.Errorf("request %d took %v, want %v", i, took, want)
					}
				}
			})
		})
	}
}

func TestFaultsForASecretThatIsNotThereYet(t *testing.T) {
	s := secrettest.New(t)
	c := client(t, s)
	const partial = "arn:aws:secretsmanager:us-east-1:123456789012:secret:later"
	s.Fail(t, secrettest.Fault{SecretID: partial, Effect: secrettest.AccessDenied()})
	wantError(t, get(ctx, c, partial), "AccessDeniedException", "")
	arn := s.Seed(t, "later", "v")
	s.Seed(t, "other", "v")
	for _, id := range []string{"later", partial, arn} {
		wantError(t, get(ctx, c, id), "AccessDeniedException", "")
		out, err := c.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{id, "other"}})
		if err != nil || len(out.Errors) != 1 || *out.Errors[0].ErrorCode != "AccessDeniedException" || len(out.SecretValues) != 1 {
			t.Errorf("a batch with %s: %+v, %v", id, out, err)
		}
	}
	if err := get(ctx, c, "other"); err != nil {
		t.Error(err)
	}
}

func TestEachRequestCountsOnce(t *testing.T) {
	s := secrettest.New(t)
	c := client(t, s)
	arn := s.Seed(t, "s", "v")
	wantError(t, get(ctx, c, ""), "ValidationException", "")
	if n, none, one := s.Calls(), s.CallsFor(""), s.CallsFor("s"); n != 1 || none != 1 || one != 0 {
		t.Errorf("%d calls, %d for no secret and %d for s, want 1, 1 and 0", n, none, one)
	}
	_, err := c.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"s", "t", "s", arn}})
	if err != nil {
		t.Fatal(err)
	}
	if err := get(ctx, c, "s"); err != nil {
		t.Fatal(err)
	}
	if n, none, one := s.Calls(), s.CallsFor(""), s.CallsFor(arn); n != 3 || none != 1 || one != 2 {
		t.Errorf("%d calls, %d for no secret and %d for s, want 3, 1 and 2", n, none, one)
	}
	if n := s.CallsFor("s", "BatchGetSecretValue"); n != 1 {
		t.Errorf("one batch that lists a secret three times counts %d times", n)
	}
}
