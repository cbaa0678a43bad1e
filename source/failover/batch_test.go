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
	"github.com/typedsecret/typedsecret/source/failover"
)

// What a replica does to a batch while the primary region is down is no reason to go
// without a secret.
func TestABatchThatAReplicaRefusesIsLeftToSingleRequests(t *testing.T) {
	refs := []cache.Ref{{ID: "one"}, {ID: "two"}}
	for name, batch := range map[string]func([]cache.Ref) ([]cache.Result, error){
		"denied":    func([]cache.Ref) ([]cache.Result, error) { return nil, cache.ErrAccessDenied },
		"throttled": func([]cache.Ref) ([]cache.Result, error) { return nil, cache.ErrThrottled },
		"unknown":   func([]cache.Ref) ([]cache.Result, error) { return nil, errors.New("no such operation") },
		"panics":    func([]cache.Ref) ([]cache.Result, error) { panic("batch") },
		"refuses each": func(refs []cache.Ref) ([]cache.Result, error) {
			return []cache.Result{{Err: cache.ErrNotFound}, {Err: cache.ErrAccessDenied}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second, source := two(t)
				first.set(func() { first.err = cache.ErrUnavailable })
				second.set(func() { second.batch = batch })
				for range 5 {
					results, err := source.FetchBatch(t.Context(), refs)
					if err != nil || len(results) != 2 || !errors.Is(results[0].Err, cache.ErrNotInBatch) || !errors.Is(results[1].Err, cache.ErrNotInBatch) {
						t.Errorf("%v, %v", results, err)
					}
				}
				c, err := cache.New(source, cache.Config{})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, errs := c.LookupAll(t.Context(), refs, nil, nil); errors.Join(errs...) != nil {
					t.Errorf("got %v", errs)
				}
			})
		})
	}
}

func TestABatchFailsIfNoRegionCanAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() { first.err = cache.ErrUnavailable })
		second.set(func() { second.batch = func([]cache.Ref) ([]cache.Result, error) { return nil, nil } })
		for range 5 {
			if results, err := source.FetchBatch(t.Context(), []cache.Ref{{ID: "one"}, {ID: "two"}}); !errors.Is(err, cache.ErrUnavailable) {
				t.Errorf("%v, %v", results, err)
			}
		}
	})
}

func TestWhatThePrimarySaysOfABatchIsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() { first.err = cache.ErrAccessDenied })
		if _, err := source.FetchBatch(t.Context(), []cache.Ref{{ID: "one"}}); !errors.Is(err, cache.ErrAccessDenied) {
			t.Errorf("got %v", err)
		}
		first.set(func() {
			first.batch = func(refs []cache.Ref) ([]cache.Result, error) { return []cache.Result{{Err: cache.ErrNotFound}}, nil }
		})
		if results, err := source.FetchBatch(t.Context(), []cache.Ref{{ID: "one"}}); err != nil || !errors.Is(results[0].Err, cache.ErrNotFound) {
			t.Errorf("%v, %v", results, err)
		}
		if second.batches != 0 {
			t.Errorf("the replica was asked %d times", second.batches)
		}
	})
}

func TestTheARNOfAnotherRegionIsInNoBatch(t *testing.T) {
	first := &scripted{}
	source := open(t, failover.Region{Name: "eu-west-1", Source: first}, failover.Region{Name: "eu-central-1", Source: &scripted{}})
	arn := func(region string) string {
		return "arn:aws:secretsmanager:" + region + ":123456789012:secret:db-a1B2c3"
	}
	results, err := source.FetchBatch(t.Context(), []cache.Ref{{ID: arn("us-east-1")}, {ID: "one"}, {ID: arn("eu-central-1")}})
	if err != nil || !errors.Is(results[0].Err, cache.ErrNotInBatch) || results[1].Err != nil || results[2].Err != nil {
		t.Errorf("%v, %v", results, err)
	}
	if diff := cmp.Diff([]cache.Ref{{ID: "one"}, {ID: arn("eu-west-1")}}, first.asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	if results, err := source.FetchBatch(t.Context(), []cache.Ref{{ID: arn("us-east-1")}}); err != nil || !errors.Is(results[0].Err, cache.ErrNotInBatch) {
		t.Errorf("%v, %v", results, err)
	}
	if first.batches != 1 {
		t.Errorf("%d batches, and one had nothing to ask for", first.batches)
	}
}

func TestAPrimaryWithoutBatchesHasNone(t *testing.T) {
	single := cache.SourceFunc(func(context.Context, cache.Ref) (cache.Value, error) { return cache.Value{}, nil })
	second := &scripted{}
	source := open(t, failover.Region{Name: "a", Source: single}, failover.Region{Name: "b", Source: second})
	if _, err := source.FetchBatch(t.Context(), []cache.Ref{{ID: "one"}}); !errors.Is(err, errors.ErrUnsupported) || second.batches != 0 {
		t.Errorf("got %v, and %d batches of the replica", err, second.batches)
	}
}

func TestABatchThatIsThrottledSaysNothingOfTheRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		leaveOut(t, first, second, source)
		first.set(func() {
			first.err = cache.ErrUnavailable
			first.batch = func([]cache.Ref) ([]cache.Result, error) { return nil, cache.ErrThrottled }
		})
		time.Sleep(time.Minute)
		if results, err := source.FetchBatch(t.Context(), []cache.Ref{{ID: "one"}}); err != nil || !errors.Is(results[0].Err, cache.ErrNotInBatch) {
			t.Errorf("%v, %v", results, err)
		}
		before := first.count()
		for range 10 {
			if v, err := within(t, source); err != nil || v.Replica != "b" {
				t.Errorf("%+v, %v", v, err)
			}
		}
		if n := first.count() - before; n != 1 {
			t.Errorf("the primary was asked %d times, and one may probe", n)
		}
	})
}

func TestACancelledBatchFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		leaveOut(t, first, second, source)
		ctx, cancel := context.WithCancel(t.Context())
		second.set(func() {
			second.batch = func([]cache.Ref) ([]cache.Result, error) { cancel(); return nil, ctx.Err() }
		})
		if results, err := source.FetchBatch(ctx, []cache.Ref{{ID: "one"}}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, %v", results, err)
		}
	})
}

// What a batch can't give of one secret keeps nobody from the others.
func TestABatchMayBeAnsweredInPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() {
			first.batch = func([]cache.Ref) ([]cache.Result, error) {
				return []cache.Result{
					{},
					{Err: cache.ErrNotFound},
					{Err: cache.ErrNotInBatch},
					{Err: cache.ErrUnavailable},
					{Err: cache.ErrDecryption},
					{Err: (*fs.PathError)(nil)},
					{Err: context.DeadlineExceeded},
				}, nil
			}
		})
		refs := make([]cache.Ref, 7)
		for i := range refs {
			refs[i].ID = fmt.Sprint(i)
		}
		results, err := source.FetchBatch(t.Context(), refs)
		if err != nil || len(results) != len(refs) {
			t.Fatalf("%v, %v", results, err)
		}
		for i, want := range []error{nil, cache.ErrNotFound} {
			if results[i].Err != want {
				t.Errorf("%d: %v", i, results[i].Err)
			}
		}
		for i, r := range results[2:] {
			if r.Err != cache.ErrNotInBatch {
				t.Errorf("%d: %v", i+2, r.Err)
			}
		}
		if second.batches != 0 {
			t.Errorf("%d batches of the replica", second.batches)
		}
	})
}

func TestAPrimaryWithoutBatchesStaysLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		down := cache.SourceFunc(func(context.Context, cache.Ref) (cache.Value, error) {
			asked++
			return cache.Value{}, cache.ErrUnavailable
		})
		source := open(t, failover.Region{Name: "a", Source: down}, failover.Region{Name: "b", Source: &scripted{}})
		for range 10 {
			if _, err := source.Fetch(t.Context(), cache.Ref{ID: "db"}); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Minute)
		if _, err := source.FetchBatch(t.Context(), []cache.Ref{{ID: "db"}}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("got %v", err)
		}
		for range 10 {
			if _, err := source.Fetch(t.Context(), cache.Ref{ID: "db"}); err != nil {
				t.Error(err)
			}
		}
		if asked != 4 {
			t.Errorf("it was asked %d times; want 3, and one probe", asked)
		}
	})
}
