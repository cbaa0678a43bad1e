// Package rotation tests the promises of Do while a password is rotated: calls outlast the
// time in which the database and Secrets Manager disagree, and make few wrong logins.
package rotation_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/secret"
)

// A vault is a Source of one secret. The test moves the stages of its versions. The ID of a
// version is made from its payload.
type vault struct {
	mu     sync.Mutex // guards the fields below
	stages map[string]string
	err    error
	hangs  bool
	calls  map[string]int // the fetches, by stage
}

// rotating makes a vault in which "two" is pending.
func rotating() *vault {
	return &vault{stages: map[string]string{"AWSCURRENT": "one", "AWSPENDING": "two"}, calls: map[string]int{}}
}

func (v *vault) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	v.mu.Lock()
	v.calls[ref.Stage]++
	stage := ref.Stage
	if ref.VersionID != "" {
		stage = "AWSCURRENT"
	}
	payload, known := v.stages[stage]
	err, hangs := v.err, v.hangs
	v.mu.Unlock()
	switch {
	case hangs:
		<-ctx.Done()
		return secret.Value{}, ctx.Err()
	case err != nil:
		return secret.Value{}, err
	case !known:
		return secret.Value{}, secret.ErrNotFound
	}
	return secret.Value{Payload: secret.StringPayload(payload), VersionID: "version-" + payload, Stages: []string{ref.Stage}}, nil
}

// after makes a change to the vault, at once or later.
func (v *vault) after(d time.Duration, change func(v *vault)) {
	locked := func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		change(v)
	}
	if d == 0 {
		locked()
	} else {
		time.AfterFunc(d, locked)
	}
}

func (v *vault) count(stage string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls[stage]
}

func finishSecret(v *vault) { v.stages = map[string]string{"AWSCURRENT": "two", "AWSPREVIOUS": "one"} }
func outage(v *vault)       { v.err = secret.ErrUnavailable }
func hang(v *vault)         { v.hangs = true }

// A window is a Do during a rotation by the single-user strategy: the database has the new
// password already, and AWSCURRENT is still the old one.
type window struct {
	*vault
	db     *handletest.Database
	cache  *cache.Cache
	handle *typedsecret.Secret[string]
}

// inWindow runs a test with a window, in virtual time.
func inWindow(t *testing.T, cfg cache.Config, opts []typedsecret.Option, test func(t *testing.T, w *window)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &window{vault: rotating(), db: handletest.NewDatabase("two")}
		w.cache = handletest.Open(t, w.vault, cfg)
		w.handle = typedsecret.New[string]("db", append(opts, typedsecret.WithCache(w.cache))...)
		handletest.WantGet(t, w.handle, "one")
		test(t, w)
	})
}

// do calls Do, and returns its error and the time that it took.
func (w *window) do(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	err := w.handle.Do(ctx, w.db.Login)
	return time.Since(start), err
}

func budget(d time.Duration) []typedsecret.Option {
	return []typedsecret.Option{typedsecret.WithRetryBudget(d)}
}

// wantLetIn checks that a Do succeeded after a time between from and to.
func wantLetIn(t testing.TB, took time.Duration, err error, from, to time.Duration) {
	t.Helper()
	if err != nil || took < from || took > to {
		t.Errorf("after %v: %v; want to be let in after %v to %v", took, err, from, to)
	}
}
