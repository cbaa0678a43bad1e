package secrettest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// A dbConfig is the content of a service's secret prod/db.
type dbConfig struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

func (c dbConfig) String() string { return c.User + ":" + c.Password }

// The service gets its secret as a handle, so a test can give it a handle over a fake.
func ExampleNewCache() {
	t := new(exampleT) // in your test: t *testing.T, and t.Parallel() if you like
	defer t.end()

	server, c := secrettest.NewCache(t)
	server.Seed(t, "prod/db", `{"user":"app","password":"first"}`)
	db := typedsecret.New[dbConfig]("prod/db", typedsecret.WithCache(c))
	fmt.Println(db.Get(t.Context()))

	// A rotation.
	server.Rotate(t, "prod/db", `{"user":"app","password":"second"}`)
	fmt.Println(db.Refresh(t.Context()))

	// A bad rotation: Get still returns the last good value.
	server.Rotate(t, "prod/db", `{"user":"app"}`)
	_, err := db.Refresh(t.Context())
	fmt.Println(errors.Is(err, codec.ErrMissingKey))
	fmt.Println(db.Get(t.Context()))

	// An outage.
	server.Fail(t, secrettest.Fault{Effect: secrettest.Unavailable()})
	_, err = db.Refresh(t.Context())
	fmt.Println(errors.Is(err, typedsecret.ErrUnavailable))
	fmt.Println(db.Get(t.Context()))
	// Output:
	// app:first <nil>
	// app:second <nil>
	// true
	// app:second <nil>
	// true
	// app:second <nil>
}

// An exampleT is the testing.TB of an example.
type exampleT struct {
	testing.TB
	cleanups []func()
}

func (*exampleT) Helper()                  {}
func (*exampleT) Context() context.Context { return context.Background() }
func (t *exampleT) Cleanup(f func())       { t.cleanups = append(t.cleanups, f) }

func (t *exampleT) end() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}

func TestEachTestHasACacheOfItsOwn(t *testing.T) {
	for n := range 4 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			server, c := secrettest.NewCache(t)
			want := fmt.Sprint("value ", n)
			server.Seed(t, "prod/key", want)
			handle := typedsecret.New[string]("prod/key", typedsecret.WithCache(c))
			for range 3 {
				if got, err := handle.Get(t.Context()); got != want || err != nil {
					t.Errorf("got %q, %v", got, err)
				}
			}
			if calls := server.Calls("GetSecretValue"); calls != 1 {
				t.Errorf("%d calls", calls)
			}
		})
	}
}

// TestACacheOfATestInABubble has a rotation, an outage and a bad rotation, over hours of
// the bubble's time.
func TestACacheOfATestInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t, cache.Config{TTL: time.Hour})
		server.Seed(t, "prod/db", `{"user":"app","password":"first"}`)
		handle := typedsecret.New[dbConfig]("prod/db", typedsecret.WithCache(c))
		want := func(password string, stale bool, cause error) {
			t.Helper()
			v, info, err := handle.GetWithInfo(t.Context())
			if err != nil || v.Password != password || info.Stale != stale || !errors.Is(info.RefreshErr, cause) {
				t.Errorf("got %v, stale %v, %v, %v; want %s, %v, %v", v, info.Stale, info.RefreshErr, err, password, stale, cause)
			}
		}
		want("first", false, nil)

		server.Rotate(t, "prod/db", `{"user":"app","password":"second"}`)
		time.Sleep(time.Hour)
		want("second", false, nil)

		stop := server.Fail(t, secrettest.Fault{Effect: secrettest.Hang()})
		time.Sleep(2 * time.Hour)
		began := time.Now()
		want("second", true, secret.ErrTimeout)
		if took := time.Since(began); took > cache.DefaultMaxRefreshWait {
			t.Errorf("Get took %v", took)
		}
		stop()
		time.Sleep(time.Hour)
		want("second", false, nil)

		server.Rotate(t, "prod/db", `{"user":"app"}`)
		time.Sleep(time.Hour)
		want("second", false, nil)
		if _, info, _ := handle.GetWithInfo(t.Context()); info.DecodeErr == nil {
			t.Error("Info does not report the bad rotation")
		}
	})
}

// TestACacheOfATestIsClosedWithIt when the test ends, also while the fake hangs.
func TestACacheOfATestIsClosedWithIt(t *testing.T) {
	var kept *cache.Cache
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t)
		server.Seed(t, "k", "v")
		server.Fail(t, secrettest.Fault{Effect: secrettest.Hang()})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Get(ctx, secret.Ref{ID: "k"}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		kept = c
	})
	if _, err := kept.Get(t.Context(), secret.Ref{ID: "k"}); !errors.Is(err, cache.ErrClosed) {
		t.Errorf("after the test: %v", err)
	}
}

// TestRefreshesOfATestFollowEachOther at once, unless the Config sets an interval.
func TestRefreshesOfATestFollowEachOther(t *testing.T) {
	for interval, took := range map[time.Duration]time.Duration{
		0: 0, -1: 0, cache.DefaultMinRefreshInterval: cache.DefaultMinRefreshInterval,
	} {
		synctest.Test(t, func(t *testing.T) {
			server, c := secrettest.NewCache(t, cache.Config{MinRefreshInterval: interval})
			server.Seed(t, "k", "v")
			began := time.Now()
			for range 2 {
				if _, err := c.Refresh(t.Context(), secret.Ref{ID: "k"}); err != nil {
					t.Error(err)
				}
			}
			if d := time.Since(began); d != took {
				t.Errorf("with a MinRefreshInterval of %v two refreshes took %v", interval, d)
			}
		})
	}
}

func TestNewCacheRefusesWhatMakesNoSense(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  []cache.Config
		want string
	}{
		"two Configs":  {make([]cache.Config, 2), "given 2 Configs; give it one"},
		"a bad Config": {[]cache.Config{{TTL: 300}}, "TTL"},
	} {
		t.Run(name, func(t *testing.T) {
			fatal := &fatalT{TB: t}
			func() {
				defer func() { recover() }()
				secrettest.NewCache(fatal, test.cfg...)
			}()
			if !strings.Contains(fatal.said, test.want) {
				t.Errorf("said %q, want %q", fatal.said, test.want)
			}
		})
	}
}

// A fatalT records the message with which a test ended.
type fatalT struct {
	testing.TB
	said string
}

func (*fatalT) Helper() {}

func (t *fatalT) Fatalf(format string, args ...any) {
	t.said = fmt.Sprintf(format, args...)
	panic(t)
}
