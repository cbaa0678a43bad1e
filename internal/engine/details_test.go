package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

const someARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1B2c3"

// roundTrip returns v as it comes back from a cache.
func roundTrip(t *testing.T, id string, v secret.Value) (first, refreshed secret.Value) {
	t.Helper()
	c := open(t, secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) { return v, nil }),
		engine.Config{MinRefreshInterval: -1})
	first, err := c.Get(t.Context(), ref(id))
	if err != nil {
		t.Fatal(err)
	}
	if refreshed, err = c.Refresh(t.Context(), ref(id)); err != nil {
		t.Fatal(err)
	}
	return first, refreshed
}

func checkRoundTrip(t *testing.T, id string, v secret.Value) {
	t.Helper()
	first, refreshed := roundTrip(t, id, v)
	for when, got := range map[string]secret.Value{"at first": first, "refreshed": refreshed} {
		got.FetchedAt = v.FetchedAt
		if diff := cmp.Diff(v, got); diff != "" {
			t.Errorf("%s (-fetched +returned):\n%s", when, diff)
		}
	}
}

func TestWhatTheSourceToldOfAValueComesBackWhole(t *testing.T) {
	long := strings.Repeat("é", 70_000)
	for name, v := range map[string]secret.Value{
		"nothing":                    {},
		"all":                        {ARN: someARN, Name: "prod/db", VersionID: "v1", Stages: []string{"AWSCURRENT", "mine", "AWSPENDING", ""}},
		"a name that is the ID":      {ARN: someARN, Name: "id"},
		"a name like the ARN's end":  {ARN: someARN, Name: "db"},
		"another name than the ARN":  {ARN: someARN, Name: "staging/db"},
		"a name without an ARN":      {Name: "prod/db"},
		"an ARN without a name":      {ARN: someARN},
		"an ARN that is a suffix":    {ARN: "-a1B2c3"},
		"an ARN shorter than that":   {ARN: "arn", Name: "n"},
		"bytes that are no text":     {ARN: "a\x00b", Name: "\xff\x00", VersionID: "\x80", Stages: []string{"\x00"}},
		"long":                       {ARN: long, Name: long + "n", VersionID: long + "v", Stages: []string{long}},
		"from a replica":             {ARN: someARN, Name: "prod/db", Stages: []string{"mine"}, Replica: "eu-central-1"},
		"created now":                {Created: time.Now().UTC()},
		"created at the millisecond": {Created: time.UnixMilli(1_700_000_000_123).UTC()},
		"created before 1970":        {Created: time.Date(1815, 12, 10, 1, 2, 3, 456_789_012, time.UTC)},
		"created in another zone":    {Created: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("there", 3600))},
	} {
		t.Run(name, func(t *testing.T) { checkRoundTrip(t, "id", v) })
	}
}

func FuzzDetails(f *testing.F) {
	f.Add("prod/db", someARN, "prod/db", "v1", "AWSCURRENT", int64(1_700_000_000), 5)
	f.Add("id", "", "", "", "", int64(-1), 999_999_999)
	f.Fuzz(func(t *testing.T, id, arn, name, version, stage string, seconds int64, nanos int) {
		if ref(id).Validate() != nil || seconds < -1<<40 || seconds > 1<<40 {
			return // not an ID, or a moment that time.Time can't count
		}
		checkRoundTrip(t, id, secret.Value{
			ARN: arn, Name: name, VersionID: version, Stages: []string{stage, "AWSCURRENT"},
			Created: time.Unix(seconds, int64(nanos%1e9)).UTC(),
		})
	})
}
