package typedsecret_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// A refusal is the error of a database's driver for a refused login.
type refusal = handletest.Refusal

func isRefusal(err error) bool { return handletest.IsRefusal(err) }

// wantRefused checks the error of a Do that gave up.
func wantRefused(t testing.TB, err error, also ...error) {
	t.Helper()
	handletest.WantRefused(t, err, also...)
}

func TestDoCallsTheFunctionOnceIfItIsLetIn(t *testing.T) {
	source, db := storing("db", "one"), handletest.NewDatabase("one")
	handle := typedsecret.New[string]("db", typedsecret.WithCache(open(t, source, cache.Config{})))
	type key struct{}
	for range 3 {
		err := handle.Do(context.WithValue(t.Context(), key{}, "mine"), func(ctx context.Context, password string) error {
			if ctx.Value(key{}) != "mine" {
				t.Error("the function got another context")
			}
			return db.Login(ctx, password)
		})
		if err != nil {
			t.Error(err)
		}
	}
	db.WantTries(t, "one", "one", "one")
	if n := source.count(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestDoRefreshesAfterARefusalAndTriesWhatCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, db, events := storing("db", "one"), handletest.NewDatabase("two"), &observed.Journal{}
		handle := typedsecret.New[string]("db", typedsecret.WithCache(open(t, source, cache.Config{Observer: events})))
		wantGet(t, handle, "one")
		source.put("db", "two")
		start := time.Now()
		if err := handle.Do(t.Context(), db.Login); err != nil || time.Since(start) != 0 {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		db.WantTries(t, "one", "two")
		if n := source.count(); n != 2 {
			t.Errorf("%d fetches", n)
		}
		wantGet(t, handle, "two")
		want := []hook.Rejected{{Secret: hook.Secret{ID: "db", Stage: "AWSCURRENT", VersionID: "v1"}}}
		if diff := cmp.Diff(want, observed.Of[hook.Rejected](events)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestWhatIsThereAlreadyIsTriedBeforeAnythingIsFetched(t *testing.T) {
	source, db := storing("db", "one"), handletest.NewDatabase("two")
	handle := typedsecret.New[string]("db", typedsecret.WithCache(open(t, source, eager)))
	err := handle.Do(t.Context(), func(ctx context.Context, password string) error {
		if password == "one" { // another goroutine refreshes meanwhile
			source.put("db", "two")
			wantRefresh(t, handle, "two")
		}
		return db.Login(ctx, password)
	})
	if n := source.count(); err != nil || n != 2 {
		t.Errorf("%d fetches, %v", n, err)
	}
}

func TestAHundredCallsThatAreRefusedAtOnceFetchOnce(t *testing.T) {
	for name, cfg := range map[string]cache.Config{"by default": {}, "with a hook": {Hook: flip{}}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, db := &slowStore{store: storing("db", "one"), takes: 300 * time.Millisecond}, handletest.NewDatabase("two")
				handle := typedsecret.New[string]("db", typedsecret.WithCache(open(t, source, cfg)))
				wantGet(t, handle, "one")
				source.put("db", "two")
				var wg sync.WaitGroup
				for range 100 {
					wg.Go(func() {
						if err := handle.Do(t.Context(), db.Login); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if n := source.count(); n != 2 {
					t.Errorf("%d fetches", n)
				}
			})
		})
	}
}

// A slowStore takes some time for each fetch, or until the context ends.
type slowStore struct {
	*store
	takes time.Duration
}

func (s *slowStore) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	select {
	case <-time.After(s.takes):
		return s.store.Fetch(ctx, ref)
	case <-ctx.Done():
		return secret.Value{}, ctx.Err()
	}
}

func TestRefusalsFetchNoMoreThanOnceInMinRefreshInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, db := storing("db", "one"), handletest.NewDatabase("another")
		c := open(t, source, cache.Config{MinRefreshInterval: 3 * time.Second})
		handle := typedsecret.New[string]("db", typedsecret.WithCache(c))
		wantGet(t, handle, "one")
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { wantRefused(t, handle.Do(t.Context(), db.Login)) })
		}
		wg.Wait()
		// The first Get fetches, and then Do after 0, 3, 6 and 9 of 10 seconds.
		if n := source.count(); n != 5 {
			t.Errorf("%d fetches", n)
		}
	})
}

func TestOtherFailuresAreReturnedAsTheyAreAtOnce(t *testing.T) {
	source := storing("db", "one")
	c := open(t, source, cache.Config{})
	other := errors.New("no route to host")
	panics := typedsecret.WithRejected(func(error) bool { panic("in the predicate") })
	for name, row := range map[string]struct {
		opts []typedsecret.Option
		err  error
	}{
		"no predicate":              {nil, other},
		"a refusal of no predicate": {nil, &refusal{Code: "28P01"}},
		"a predicate that says no":  {[]typedsecret.Option{typedsecret.WithRejected(isRefusal)}, other},
		"a predicate that panics":   {[]typedsecret.Option{panics}, &refusal{Code: "28P01"}},
		"an end of a context":       {nil, context.DeadlineExceeded},
		"an error of a secret":      {nil, &typedsecret.Error{Err: typedsecret.ErrNotFound}},
		"none at all":               {[]typedsecret.Option{typedsecret.WithRejected(func(error) bool { return true })}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			handle, calls := typedsecret.New[string]("db", append(row.opts, typedsecret.WithCache(c))...), 0
			err := handle.Do(t.Context(), func(context.Context, string) error {
				calls++
				return row.err
			})
			if err != row.err || calls != 1 {
				t.Errorf("called %d times, got %v", calls, err)
			}
		})
	}
	if n := source.count(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestAnotherFailureOfASecondTryEndsItToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, other, calls := storing("db", "one"), errors.New("too many connections"), 0
		handle := typedsecret.New[string]("db", typedsecret.WithCache(open(t, source, eager)))
		err := handle.Do(t.Context(), func(context.Context, string) error {
			if calls++; calls == 3 {
				return other
			}
			return typedsecret.Rejected(&refusal{})
		})
		if err != other || calls != 3 {
			t.Errorf("called %d times, got %v", calls, err)
		}
	})
}

func TestThePredicateAndRejectedBothSayWhatARefusalIs(t *testing.T) {
	for name, refused := range map[string]error{
		"by predicate":         &refusal{Code: "28P01"},
		"wrapped":              fmt.Errorf("connect: %w", &refusal{Code: "28P01"}),
		"joined":               errors.Join(errors.New("host a"), &refusal{Code: "28P01"}),
		"by Rejected":          typedsecret.Rejected(errors.New("denied")),
		"by Rejected, wrapped": fmt.Errorf("connect: %w", typedsecret.Rejected(errors.New("denied"))),
		"by ErrRejected":       typedsecret.ErrRejected,
	} {
		t.Run(name, func(t *testing.T) {
			source := storing("db", "one")
			handle := typedsecret.New[string]("db", typedsecret.WithRejected(isRefusal),
				typedsecret.WithCache(open(t, source, cache.Config{})))
			wantGet(t, handle, "one")
			source.put("db", "two")
			err := handle.Do(t.Context(), func(_ context.Context, password string) error {
				if password != "two" {
					return refused
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := typedsecret.Rejected(nil); err != nil {
		t.Errorf("Rejected(nil) = %v", err)
	}
}

func TestDoTakesNoContextForBackground(t *testing.T) {
	source, db := storing("db", "one"), handletest.NewDatabase("two")
	handle := typedsecret.New[string]("db", typedsecret.WithCache(open(t, source, cache.Config{})))
	wantGet(t, handle, "one")
	source.put("db", "two")
	//lint:ignore SA1012 that is what is tested
	if err := handle.Do(nil, db.Login); err != nil {
		t.Error(err)
	}
}

func TestDoWithInfoTellsOfEachTry(t *testing.T) {
	source := storing("db", "one")
	handle := typedsecret.New[string]("db", typedsecret.WithCache(open(t, source, cache.Config{})))
	wantGet(t, handle, "one")
	source.put("db", "two")
	var got []string
	err := handle.DoWithInfo(t.Context(), func(_ context.Context, password string, info typedsecret.Info) error {
		if got = append(got, password+" "+info.VersionID+" "+info.Name); password != "two" {
			return typedsecret.Rejected(&refusal{})
		}
		return nil
	})
	if diff := cmp.Diff([]string{"one v1 db", "two v2 db"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
