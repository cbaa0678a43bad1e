package failover_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/failover"
)

func forAll(err error) func([]secret.Ref, answerFunc) error {
	return func([]secret.Ref, answerFunc) error { return err }
}

// As Fetch has it: what a replica says while the primary is down does not say that a secret
// is missing.
func TestWhatAReplicaRefusesIsNotRefused(t *testing.T) {
	for name, request := range map[string]func([]secret.Ref, answerFunc) error{
		"denied":       forAll(secret.ErrAccessDenied),
		"throttled":    forAll(secret.ErrThrottled),
		"unknown":      forAll(errors.New("no such operation")),
		"panics":       func([]secret.Ref, answerFunc) error { panic("request") },
		"answers none": forAll(nil),
		"refuses each": func(refs []secret.Ref, answer answerFunc) error {
			answer(refs[0], secret.Value{}, secret.ErrNotFound)
			answer(refs[1], secret.Value{}, secret.ErrAccessDenied)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second, source := two(t)
				first.set(func() { first.err = secret.ErrUnavailable })
				second.set(func() { second.request = request })
				for range 5 {
					for _, one := range fetchMany(t.Context(), t, source, "one", "two") {
						if !errors.Is(one.err, secret.ErrUnavailable) || errors.Is(one.err, secret.ErrNotFound) || errors.Is(one.err, secret.ErrAccessDenied) {
							t.Errorf("got %v", one.err)
						}
					}
				}
				second.set(func() { second.request = nil })
				for _, one := range fetchMany(t.Context(), t, source, "one", "two") {
					if one.err != nil || one.Replica != "b" {
						t.Errorf("%+v", one)
					}
				}
			})
		})
	}
}

func TestWhatThePrimarySaysOfOneOfManyIsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() { first.request = forAll(secret.ErrAccessDenied) })
		if err := fetchMany(t.Context(), t, source, "one")[0].err; !errors.Is(err, secret.ErrAccessDenied) {
			t.Errorf("got %v", err)
		}
		first.set(func() { first.request = nil; first.err = secret.ErrNotFound })
		if err := fetchMany(t.Context(), t, source, "one")[0].err; !errors.Is(err, secret.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		if second.lists+second.count() != 0 {
			t.Error("the replica was asked")
		}
	})
}

func TestARegionIsAskedForARNsOfItsOwn(t *testing.T) {
	first, second := &scripted{}, &scripted{}
	source := open(t, failover.Region{Name: "eu-west-1", Source: first}, failover.Region{Name: "eu-central-1", Source: second})
	arn := func(region string) string {
		return "arn:aws:secretsmanager:" + region + ":123456789012:secret:db-a1B2c3"
	}
	ids := []string{arn("us-east-1"), "one", arn("eu-central-1"), arn("eu-west-1")}
	want := func(region, stage string, asked []secret.Ref) {
		t.Helper()
		if diff := cmp.Diff([]secret.Ref{{ID: "one", Stage: stage}, {ID: arn(region), Stage: stage}}, asked); diff != "" {
			t.Errorf("asked for (-want +got):\n%s", diff)
		}
	}
	many := fetchMany(t.Context(), t, source, ids...)
	if !errors.Is(many[0].err, secret.ErrInvalidRef) || many[1].err != nil || many[2].err != nil || many[3].err != nil {
		t.Errorf("%+v", many)
	}
	want("eu-west-1", "", first.asked)
	first.set(func() { first.request = forAll(secret.ErrUnavailable) })
	c, err := cache.New(source, cache.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	snaps, errs := lookupAll(t, c, []secret.Ref{{ID: ids[1]}, {ID: ids[2]}, {ID: ids[3]}})
	for i, err := range errs {
		if err != nil || snaps[i].Metadata().Replica != "eu-central-1" {
			t.Errorf("%v, %v", snaps[i], err)
		}
	}
	want("eu-central-1", "AWSCURRENT", second.asked)
	before := first.lists
	if err := fetchMany(t.Context(), t, source, arn("us-east-1"))[0].err; !errors.Is(err, secret.ErrInvalidRef) || first.lists != before {
		t.Errorf("%v; the primary was asked for nothing", err)
	}
}

func TestAPrimaryWithoutFetchManyIsAskedForEach(t *testing.T) {
	asked := 0
	single := secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		asked++
		return secret.Value{VersionID: "v"}, nil
	})
	second := &scripted{}
	source := open(t, failover.Region{Name: "a", Source: single}, failover.Region{Name: "b", Source: second})
	if one := fetchMany(t.Context(), t, source, "one")[0]; one.err != nil || one.VersionID != "v" || asked != 1 || second.lists != 0 {
		t.Errorf("%+v, %d requests", one, asked)
	}
}

func TestACancelledFetchManySaysNothingOfTheRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() { first.hang = true })
		for range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if err := fetchMany(ctx, t, source, "one")[0].err; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		first.set(func() { first.hang = false })
		if one := fetchMany(t.Context(), t, source, "one")[0]; one.err != nil || one.Replica != "" || second.lists != 0 {
			t.Errorf("%+v", one)
		}
	})
}

// A secret that the primary can't give keeps no reader from the others.
func TestManyMayBeAnsweredInPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		errs := []error{nil, secret.ErrNotFound, secret.ErrUnavailable, secret.ErrDecryption, (*fs.PathError)(nil), context.DeadlineExceeded, context.Canceled, secret.ErrThrottled}
		first.set(func() {
			first.request = func(refs []secret.Ref, answer answerFunc) error {
				for i, ref := range refs {
					answer(ref, secret.Value{}, errs[i])
				}
				return nil
			}
		})
		var ids []string
		for i := range errs {
			ids = append(ids, fmt.Sprint(i))
		}
		many := fetchMany(t.Context(), t, source, ids...)
		if many[0].err != nil || many[0].Replica != "" || !errors.Is(many[1].err, secret.ErrNotFound) {
			t.Errorf("%+v", many[:2])
		}
		for i, one := range many[2:] {
			if one.err != nil || one.Replica != "b" {
				t.Errorf("%d: %+v", i+2, one)
			}
		}
		if len(second.asked) != len(errs)-2 {
			t.Errorf("the replica was asked for %v", second.asked)
		}
		second.set(func() { second.err = secret.ErrThrottled })
		for i, one := range fetchMany(t.Context(), t, source, ids...)[2:] {
			if !errors.Is(one.err, secret.ErrThrottled) || i == 0 && !errors.Is(one.err, secret.ErrUnavailable) {
				t.Errorf("%d: %v", i+2, one.err)
			}
		}
		first.set(func() { first.request = nil })
		if v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); err != nil || v.Replica != "" {
			t.Errorf("%+v, %v: it is not left out", v, err)
		}
	})
}

// hundreds are more secrets than there may be requests.
func hundreds() (ids []string) {
	for i := range 300 {
		ids = append(ids, fmt.Sprint(i))
	}
	return ids
}

// singly is a source without FetchMany.
type singly struct{ secret.Source }

func TestARegionThatHangsDelaysManyOnce(t *testing.T) {
	for _, row := range []struct {
		name  string
		hangs bool
		takes time.Duration
	}{{"hangs", true, 5 * time.Second}, {"fails", false, 0}} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second := &scripted{hang: row.hangs, err: secret.ErrUnavailable}, &scripted{}
				source := open(t, failover.Region{Name: "a", Source: singly{first}}, failover.Region{Name: "b", Source: second})
				c, err := cache.New(source, cache.Config{})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				var refs []secret.Ref
				for _, id := range hundreds() {
					refs = append(refs, secret.Ref{ID: id})
				}
				began := time.Now()
				snaps, errs := lookupAll(t, c, refs)
				if took := time.Since(began); took != row.takes {
					t.Errorf("it took %v, half of FetchTimeout is 5 s", took)
				}
				for i, err := range errs {
					if err != nil || snaps[i].Metadata().Replica != "b" {
						t.Errorf("%d: %v", i, err)
					}
				}
				if n := first.count(); n > 3*64 {
					t.Errorf("the primary was asked %d times", n)
				}
			})
		})
	}
}

func TestAFetchManyThatFailsIsOneFailureOfTheRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() { first.request = forAll(secret.ErrUnavailable) })
		for range 5 {
			for _, one := range fetchMany(t.Context(), t, source, "one", "two") {
				if one.err != nil || one.Replica != "b" {
					t.Errorf("%+v", one)
				}
			}
		}
		if first.lists != 2 || second.lists != 5 {
			t.Errorf("the primary was asked %d times, want 2, and the replica %d times", first.lists, second.lists)
		}
	})
}

func TestAFetchManyProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		leaveOut(t, first, second, source)
		time.Sleep(time.Minute)
		first.set(func() { first.request = forAll(secret.ErrUnavailable) })
		fetchMany(t.Context(), t, source, hundreds()...)
		if n := first.requests; n == 0 || n > 64 {
			t.Errorf("the probe made %d requests", n)
		}
		before := first.count()
		if v, err := within(t, source); err != nil || v.Replica != "b" || first.count() != before {
			t.Errorf("%+v, %v: the primary is left out", v, err)
		}
		time.Sleep(time.Minute)
		first.set(func() { first.request = nil })
		for _, one := range fetchMany(t.Context(), t, source, hundreds()...) {
			if one.err != nil || one.Replica != "" {
				t.Errorf("%+v", one)
			}
		}
	})
}

// lookupAll gets all that refs name, as Preload does.
func lookupAll(t *testing.T, c *cache.Cache, refs []secret.Ref) ([]*engine.Snapshot, []error) {
	entries := make([]*engine.Entry, len(refs))
	for i, ref := range refs {
		var err error
		if entries[i], err = (*engine.Cache)(c).Entry(ref); err != nil {
			t.Error(err)
		}
	}
	return (*engine.Cache)(c).GetAll(t.Context(), entries, nil)
}
