package typedsecret_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// manyHandles seeds n secrets and makes a handle on each.
func manyHandles(t testing.TB, server *secrettest.Server, n int, opts ...typedsecret.Option) (handles []typedsecret.Handle) {
	for i := range n {
		id := fmt.Sprint("many/", i)
		server.Seed(t, id, fmt.Sprint("value ", i))
		handles = append(handles, typedsecret.New[string](id, opts...))
	}
	return handles
}

func checkMany(t testing.TB, handles []typedsecret.Handle) {
	t.Helper()
	for i, h := range handles {
		if v, err := h.(*typedsecret.Secret[string]).Get(t.Context()); v != fmt.Sprint("value ", i) || err != nil {
			t.Fatalf("%v: %q, %v", h, v, err)
		}
	}
}

func wantRequests(t testing.TB, server *secrettest.Server, batches, single int) {
	t.Helper()
	if b, s := server.Calls("BatchGetSecretValue"), server.Calls("GetSecretValue"); b != batches || s != single {
		t.Errorf("%d batches and %d single requests, want %d and %d", b, s, batches, single)
	}
}

func TestPreloadFetchesTwentyARequest(t *testing.T) {
	for n, want := range map[int]struct{ batches, single int }{
		0: {0, 0}, 1: {0, 1}, 2: {1, 0}, 20: {1, 0}, 21: {1, 1}, 100: {5, 0},
	} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			server, c := secrettest.NewCache(t)
			handles := manyHandles(t, server, n, typedsecret.WithCache(c))
			for range 2 { // the second call finds all secrets in the cache
				if err := typedsecret.Preload(t.Context(), handles...); err != nil {
					t.Fatal(err)
				}
			}
			checkMany(t, handles)
			wantRequests(t, server, want.batches, want.single)
		})
	}
}

func TestPreloadOfAHundredTakesOneLatencyAndThreeWithoutBatches(t *testing.T) {
	for name, row := range map[string]struct {
		fault *secrettest.Fault
		most  time.Duration
	}{
		"by batches":            {nil, 20 * time.Millisecond},
		"batches not permitted": {&secrettest.Fault{Operation: "BatchGetSecretValue", Effect: secrettest.AccessDenied()}, 60 * time.Millisecond},
		"batches throttled":     {&secrettest.Fault{Operation: "BatchGetSecretValue", Effect: secrettest.Throttling()}, 60 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, c := secrettest.NewCache(t)
				handles := manyHandles(t, server, 100, typedsecret.WithCache(c))
				server.Fail(t, secrettest.Fault{Latency: 20 * time.Millisecond})
				if row.fault != nil {
					server.Fail(t, *row.fault)
				}
				start := time.Now()
				if err := typedsecret.Preload(t.Context(), handles...); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took > row.most {
					t.Errorf("it took %v", took)
				}
				checkMany(t, handles)
			})
		})
	}
}

func TestPreloadSaysAllThatIsWrongAtOnce(t *testing.T) {
	server, c := secrettest.NewCache(t)
	with := typedsecret.WithCache(c)
	server.Seed(t, "good", credsV1JSON)
	server.Seed(t, "lacks", `{"username":"hunter2"}`)
	server.Seed(t, "deleted", "hunter2")
	server.Delete(t, "deleted")
	server.Seed(t, "denied", "hunter2")
	server.Fail(t, secrettest.Fault{SecretID: "denied", Effect: secrettest.AccessDenied()})
	server.Seed(t, "locked", "hunter2")
	server.Fail(t, secrettest.Fault{SecretID: "locked", Effect: secrettest.DecryptionFailure()})
	good := typedsecret.New[DBCreds]("good", with)
	err := typedsecret.Preload(t.Context(),
		good, good,
		typedsecret.New[DBCreds]("lacks", with),
		typedsecret.New[string]("deleted", with),
		typedsecret.New[string]("denied", with),
		typedsecret.New[string]("locked", with),
		typedsecret.New[string]("unknown", with),
		typedsecret.New[string]("good", with, typedsecret.WithStage("AWSPREVIOUS")),
		typedsecret.New[string]("", with),
		new(typedsecret.Secret[string]), (*typedsecret.Secret[string])(nil), nil,
	)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("got %v", err)
	}
	wants := []struct {
		id   string
		kind error
	}{
		{"lacks", codec.ErrMissingKey},
		{"deleted", typedsecret.ErrDeleted},
		{"denied", typedsecret.ErrAccessDenied},
		{"locked", typedsecret.ErrDecryption},
		{"unknown", typedsecret.ErrNotFound},
		{"good", typedsecret.ErrNotFound},
		{"", typedsecret.ErrInvalidRef},
		{"none", typedsecret.ErrZeroHandle},
		{"none", typedsecret.ErrZeroHandle},
		{"none", typedsecret.ErrZeroHandle},
	}
	errs := joined.Unwrap()
	if len(errs) != len(wants) {
		t.Fatalf("%d errors, want %d: %v", len(errs), len(wants), err)
	}
	for i, want := range wants {
		failed, named := errors.AsType[*typedsecret.Error](errs[i])
		if !errors.Is(errs[i], want.kind) || named != (want.id != "none") || named && failed.Ref.ID != want.id {
			t.Errorf("error %d, want %v of %q: %v", i, want.kind, want.id, errs[i])
		}
	}
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok {
		t.Error("the SDK's error is out of reach")
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error shows a secret: %v", err)
	}
	// Seven secrets need one batch, and the stage one request.
	wantRequests(t, server, 1, 1)
	if v, err := good.Get(t.Context()); v != credsV1 || err != nil {
		t.Errorf("the good one: %v, %v", v, err)
	}
}

func TestPreloadTakesAValueThatIsStaleForOneThatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("a", "one")
		h := typedsecret.New[string]("a", typedsecret.WithCache(open(t, source, cache.Config{})))
		must[string](t)(h.Get(t.Context()))
		time.Sleep(2 * time.Hour)
		source.fail(secret.ErrUnavailable)
		if err := typedsecret.Preload(t.Context(), h); err != nil {
			t.Error(err)
		}
	})
}

func TestAPreloaderKeepsItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := secrettest.New(t)
		source := must[*awssm.Source](t)(awssm.New(handletest.Client(server)))
		handles := manyHandles(t, server, 100, typedsecret.WithCache(open(t, source, cache.Config{})))
		start := time.Now()
		if err := (typedsecret.Preloader{Interval: time.Second}).Preload(t.Context(), handles...); err != nil {
			t.Fatal(err)
		}
		wantRequests(t, server, 5, 0)
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("five requests a second apart took %v", took)
		}
		server.Fail(t, secrettest.Fault{Operation: "BatchGetSecretValue", Effect: secrettest.AccessDenied()})
		server.ResetCalls()
		start = time.Now()
		for _, h := range handles {
			if err := h.(*typedsecret.Secret[string]).Invalidate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := (typedsecret.Preloader{Interval: time.Second}).Preload(t.Context(), handles...); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("with last good values it took %v", took)
		}
		time.Sleep(50 * time.Second)
		if b, s := server.Calls("BatchGetSecretValue"), server.Calls("GetSecretValue"); b > 2 || b+s < 51 || b+s > 53 {
			t.Errorf("%d batches that were refused and %d single requests, a second apart, in 51 s", b, s)
		}
		time.Sleep(time.Minute)
		held := map[time.Duration]bool{}
		for i := range 20 {
			h := typedsecret.New[string](fmt.Sprint("many/", i), typedsecret.WithCache(open(t, source, cache.Config{})))
			start := time.Now()
			if err := (typedsecret.Preloader{Jitter: time.Minute}).Preload(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			held[time.Since(start)] = true
			if time.Since(start) > time.Minute {
				t.Error("held back for longer than the jitter")
			}
		}
		if len(held) < 15 {
			t.Errorf("20 processes were held back for %d different times", len(held))
		}
	})
}

func TestACancelledPreloadEndsAndHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t)
		handles := manyHandles(t, server, 40, typedsecret.WithCache(c))
		server.Fail(t, secrettest.Fault{Latency: time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := typedsecret.Preload(ctx, handles...)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 100*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		for i := range 40 {
			if !strings.Contains(err.Error(), fmt.Sprintf("many/%d@", i)) && !strings.Contains(err.Error(), fmt.Sprintf("many/%d:", i)) {
				t.Errorf("the error does not name many/%d", i)
			}
		}
		checkMany(t, handles) // the requests under way bring the values
		wantRequests(t, server, 2, 0)
	})
}

func TestReadersAndPreloadsShareTheirFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t)
		handles := manyHandles(t, server, 20, typedsecret.WithCache(c))
		server.Fail(t, secrettest.Fault{Latency: time.Second})
		var running sync.WaitGroup
		for range 3 {
			running.Go(func() {
				if err := typedsecret.Preload(t.Context(), handles...); err != nil {
					t.Error(err)
				}
			})
			running.Go(func() {
				for _, h := range handles {
					running.Go(func() { h.(*typedsecret.Secret[string]).Get(t.Context()) })
				}
			})
			synctest.Wait()
		}
		running.Wait()
		checkMany(t, handles)
		for i := range handles {
			if n := server.CallsFor(fmt.Sprint("many/", i)); n != 1 {
				t.Errorf("many/%d was asked for %d times", i, n)
			}
		}
	})
}

func TestABatchThatFailsCostsOneRequestAndBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := cache.Config{}
		cfg.Backoff.Jitter = 2 // NoJitter, so that the first delay is a second
		server, c := secrettest.NewCache(t, cfg)
		handles := manyHandles(t, server, 20, typedsecret.WithCache(c))
		stop := server.Fail(t, secrettest.Fault{Effect: secrettest.InternalError()})
		for range 3 {
			if err := typedsecret.Preload(t.Context(), handles...); !errors.Is(err, typedsecret.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		}
		wantRequests(t, server, 1, 0)
		stop()
		time.Sleep(time.Second)
		if err := typedsecret.Preload(t.Context(), handles...); err != nil {
			t.Error(err)
		}
		wantRequests(t, server, 2, 0)
		checkMany(t, handles)
	})
}

type (
	exiting   struct{ Password string }
	forbidden struct{ Password string }
)

func (exiting) Validate() error   { runtime.Goexit(); return nil }
func (forbidden) Validate() error { return errors.New("forbidden") }

func TestPreloadIsNotContentWithWhatEndedItsGoroutine(t *testing.T) {
	c := open(t, storing("k", `{"Password":"hunter2"}`), cache.Config{})
	err := typedsecret.Preload(
		t.Context(),
		typedsecret.New[exiting]("k", typedsecret.WithCache(c)), typedsecret.New[forbidden]("k", typedsecret.WithCache(c)),
	)
	if err == nil || !strings.Contains(err.Error(), "Goexit") || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("Preload: %v", err)
	}
}

func TestAPreloadEndsWhenItsCacheIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, storing("k", "value"), cache.Config{})
		start := time.Now()
		time.AfterFunc(time.Second, func() { c.Close() })
		err := typedsecret.Preloader{Interval: time.Hour}.Preload(
			context.Background(),
			typedsecret.New[string]("k", typedsecret.WithCache(c)), typedsecret.New[string]("other", typedsecret.WithCache(c)),
		)
		if !errors.Is(err, cache.ErrClosed) || time.Since(start) != time.Second {
			t.Errorf("Preload, %v after: %v", time.Since(start), err)
		}
	})
}

func TestAPreloaderThatRetriesWaitsOutAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t)
		handles := manyHandles(t, server, 3, typedsecret.WithCache(c))
		stop := server.Fail(t, secrettest.Fault{Effect: secrettest.InternalError()})
		time.AfterFunc(time.Minute, stop)
		if err := typedsecret.Preload(t.Context(), handles...); !errors.Is(err, typedsecret.ErrUnavailable) {
			t.Errorf("without Retry: %v", err)
		}
		began := time.Now()
		if err := (typedsecret.Preloader{Retry: true}).Preload(t.Context(), handles...); err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d < 50*time.Second || d > 2*time.Minute {
			t.Errorf("it took %v", d)
		}
		checkMany(t, handles)
	})
}

func TestAPreloaderThatRetriesEndsWithItsContextOrWhatCanNotMend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t)
		with := typedsecret.WithCache(c)
		server.Seed(t, "there", "v")
		missing, there := typedsecret.New[string]("missing", with), typedsecret.New[string]("there", with)
		began := time.Now()
		err := typedsecret.Preloader{Retry: true}.Preload(t.Context(), missing, there)
		if !errors.Is(err, typedsecret.ErrNotFound) || time.Since(began) != 0 {
			t.Errorf("what is missing: %v, after %v", err, time.Since(began))
		}
		server.Fail(t, secrettest.Fault{SecretID: "other", Effect: secrettest.InternalError()})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		err = typedsecret.Preloader{Retry: true}.Preload(ctx, there, typedsecret.New[string]("other", with))
		if !errors.Is(err, typedsecret.ErrUnavailable) || time.Since(began) != 30*time.Second {
			t.Errorf("with a deadline: %v, after %v", err, time.Since(began))
		}
	})
}

// TestARetryComesWhenTheBackOffIsOver also if that began before the Preload.
func TestARetryComesWhenTheBackOffIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t, cache.Config{Backoff: backoff.Policy{Base: 10 * time.Second, Jitter: backoff.NoJitter}})
		handles := manyHandles(t, server, 1, typedsecret.WithCache(c))
		stop := server.Fail(t, secrettest.Fault{Effect: secrettest.InternalError()})
		began := time.Now()
		if err := typedsecret.Preload(t.Context(), handles...); !errors.Is(err, typedsecret.ErrUnavailable) {
			t.Fatal(err)
		}
		delay := time.Until(handles[0].Status().NextFetch)
		time.Sleep(delay - time.Second)
		stop()
		if err := (typedsecret.Preloader{Retry: true}).Preload(t.Context(), handles...); err != nil || time.Since(began) != delay {
			t.Errorf("%v, after %v of %v", err, time.Since(began), delay)
		}
	})
}
