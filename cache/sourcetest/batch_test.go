package sourcetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/cache/sourcetest"
)

// batching is the source in memory that can do batches too, changed in one way.
type batching struct {
	*memory
	change func(results []cache.Result, err error) ([]cache.Result, error)
}

func (b batching) FetchBatch(ctx context.Context, refs []cache.Ref) ([]cache.Result, error) {
	results := make([]cache.Result, len(refs))
	var whole error
	for i, ref := range refs {
		v, err := b.Fetch(ctx, ref)
		results[i] = cache.Result{Value: v, Err: err}
		if err != nil && !errors.Is(err, cache.ErrNotFound) {
			whole = err
		}
	}
	b.mu.Lock()
	b.requests -= len(refs) - 1
	b.mu.Unlock()
	if b.change != nil {
		results, whole = b.change(results, whole)
	}
	if whole != nil {
		return nil, whole
	}
	return results, nil
}

func TestGoodBatchSourcePasses(t *testing.T) {
	m, h := harness()
	h.Source = batching{memory: m}
	sourcetest.Run(t, h)
}

func TestBrokenBatchSourcesFail(t *testing.T) {
	type change = func(results []cache.Result, err error) ([]cache.Result, error)
	onEach := func(change func(r *cache.Result)) change {
		return func(results []cache.Result, err error) ([]cache.Result, error) {
			for i := range results {
				change(&results[i])
			}
			return results, err
		}
	}
	for name, row := range map[string]struct {
		change change
		check  string
	}{
		"mixes up the order": {func(results []cache.Result, err error) ([]cache.Result, error) {
			results[0], results[len(results)-2] = results[len(results)-2], results[0]
			return results, err
		}, "batch"},
		"leaves one out":      {func(results []cache.Result, err error) ([]cache.Result, error) { return results[1:], err }, "batch"},
		"another version ID":  {onEach(func(r *cache.Result) { r.Value.VersionID += "x" }), "batch"},
		"sets FetchedAt":      {onEach(func(r *cache.Result) { r.Value.FetchedAt = r.Value.Created.Add(1) }), "batch"},
		"unknown is no error": {onEach(func(r *cache.Result) { r.Err = nil }), "batch"},
		"fails for one not found": {func(results []cache.Result, err error) ([]cache.Result, error) {
			return results, errors.Join(err, results[1].Err)
		}, "batch"},
		"an error of no kind":      {func(results []cache.Result, err error) ([]cache.Result, error) { return results, hideKind(err) }, "batch-failures"},
		"the secret in its error":  {func(results []cache.Result, err error) ([]cache.Result, error) { return results, quoted(err) }, "batch-failures"},
		"cancelled is unavailable": {func(results []cache.Result, err error) ([]cache.Result, error) { return results, misnamed(err) }, "batch-failures"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, h := harness()
				h.Source = batching{m, row.change}
				if failed := sourcetest.Failed(t, h); len(failed[row.check]) == 0 {
					t.Errorf("%s does not fail; what does: %q", row.check, failed)
				}
			})
		})
	}
}

func hideKind(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return errors.New("strange")
}

func quoted(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("of Zq7!Xw9@Kv3#Jp5$Ym1%%Ub8^Tn2&Rc6*: %w", err)
}

func misnamed(err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", cache.ErrUnavailable, err)
	}
	return err
}
