package typedsecret_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// signing is a handle on a key, on a server of its own.
func signing(t *testing.T, opts ...typedsecret.Option) (*secrettest.Server, *typedsecret.Secret[string]) {
	server, c := secrettest.NewCache(t)
	server.Seed(t, "key", "k1")
	return server, typedsecret.New[string]("key", append(opts, typedsecret.WithCache(c))...)
}

func wantVersions(t *testing.T, handle *typedsecret.Secret[string], want ...string) {
	t.Helper()
	if got, err := handle.Versions(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestVersionsAreTheCurrentAndThePrevious(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, handle := signing(t)
		wantVersions(t, handle, "k1") // there is no previous version
		for _, rotation := range []struct{ to, from string }{{"k2", "k1"}, {"k3", "k2"}, {"k4", "k3"}} {
			time.Sleep(2 * time.Second)
			server.Rotate(t, "key", rotation.to)
			if _, err := handle.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantVersions(t, handle, rotation.to, rotation.from)
			wantVersions(t, handle, rotation.to, rotation.from)
		}
	})
}

// TestTheKeyJustRotatedOutIsThereInAnOutage, although the previous version can't be read
// again.
func TestTheKeyJustRotatedOutIsThereInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, handle := signing(t)
		time.Sleep(2 * time.Second)
		server.Rotate(t, "key", "k2")
		wantVersions(t, handle, "k2", "k1")
		time.Sleep(2 * time.Second)
		server.Rotate(t, "key", "k3")
		if _, err := handle.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop := server.Fail(t, secrettest.Fault{Effect: secrettest.InternalError()})
		wantVersions(t, handle, "k3", "k1", "k2")
		wantVersions(t, handle, "k3", "k1", "k2")
		stop()
		time.Sleep(time.Minute)
		wantVersions(t, handle, "k3", "k1", "k2") // a refresh begins too
		synctest.Wait()
		wantVersions(t, handle, "k3", "k2")
	})
}

// TestAKeyThatWasTakenOutOfAWSPREVIOUSIsGone: an operator may remove it after a leak.
func TestAKeyThatWasTakenOutOfAWSPREVIOUSIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, handle := signing(t)
		wantVersions(t, handle, "k1")
		time.Sleep(2 * time.Second)
		server.Rotate(t, "key", "k2")
		if _, err := handle.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantVersions(t, handle, "k2", "k1")
		server.Stage(t, "key", "AWSPREVIOUS", "")
		time.Sleep(2 * time.Hour)
		wantVersions(t, handle, "k2")
	})
}

func TestVersionsAreForTheDefaultStage(t *testing.T) {
	_, handle := signing(t, typedsecret.WithStage("AWSPREVIOUS"))
	if got, err := handle.Versions(t.Context()); got != nil || !errors.Is(err, typedsecret.ErrInvalidConfig) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := (&typedsecret.Secret[string]{}).Versions(t.Context()); !errors.Is(err, typedsecret.ErrZeroHandle) {
		t.Error(err)
	}
}

func TestAColdOutageIsTheErrorOfVersions(t *testing.T) {
	server, handle := signing(t)
	server.Fail(t, secrettest.Fault{Effect: secrettest.InternalError()})
	if got, err := handle.Versions(t.Context()); got != nil || !errors.Is(err, typedsecret.ErrUnavailable) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestAKeyThatWasNeverRotatedIsThereInAnOutage, since it is known that there is none before it.
func TestAKeyThatWasNeverRotatedIsThereInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, handle := signing(t)
		wantVersions(t, handle, "k1")
		server.Fail(t, secrettest.Fault{Effect: secrettest.InternalError()})
		for range 5 {
			time.Sleep(10 * time.Minute)
			wantVersions(t, handle, "k1")
		}
	})
}

// TestANotFoundFromBeforeTheRotationSaysNothing of the key that was rotated out.
func TestANotFoundFromBeforeTheRotationSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t)
		server.Seed(t, "key", "k1")
		handle := typedsecret.New[string]("key", typedsecret.WithCache(c))
		previous := typedsecret.New[string]("key", typedsecret.WithCache(c), typedsecret.WithStage("AWSPREVIOUS"))
		wantVersions(t, handle, "k1")
		for range 10 {
			time.Sleep(5 * time.Minute)
			if _, err := previous.Get(t.Context()); !errors.Is(err, typedsecret.ErrNotFound) {
				t.Fatal(err)
			}
		}
		server.Rotate(t, "key", "k2")
		if _, err := handle.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantVersions(t, handle, "k2", "k1")
	})
}

// A keyring is a source of keys, the newest last. Fail, if it is set, is asked after the answer
// was looked up.
type keyring struct {
	mu   sync.Mutex // guards the fields below
	keys []string
	fail func(ctx context.Context, stage string) error
}

func (k *keyring) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	k.mu.Lock()
	keys, fail := k.keys, k.fail
	k.mu.Unlock()
	if ref.Stage == "AWSPREVIOUS" {
		keys = keys[:len(keys)-1]
	}
	if fail != nil {
		if err := fail(ctx, ref.Stage); err != nil {
			return secret.Value{}, err
		}
	}
	if len(keys) == 0 {
		return secret.Value{}, fmt.Errorf("%w: no version has the stage", secret.ErrNotFound)
	}
	key := keys[len(keys)-1]
	return secret.Value{Name: ref.ID, VersionID: key, Stages: []string{ref.Stage}, Payload: secret.StringPayload(key)}, nil
}

func (k *keyring) failBy(fail func(ctx context.Context, stage string) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = fail
}

// rotate adds key, and has the handle see it.
func (k *keyring) rotate(t *testing.T, handle *typedsecret.Secret[string], key string) {
	t.Helper()
	k.mu.Lock()
	k.keys = append(k.keys, key)
	k.mu.Unlock()
	if v, err := handle.Refresh(t.Context()); v != key || err != nil {
		t.Fatal(v, err)
	}
}

// onKeyring returns a source with the keys, and a handle and one on the previous stage.
func onKeyring(t *testing.T, h hook.Hook, keys ...string) (k *keyring, handle, previous *typedsecret.Secret[string]) {
	k = &keyring{keys: keys}
	c, err := cache.New(k, cache.Config{MinRefreshInterval: -1, Hook: h})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return k, typedsecret.New[string]("key", typedsecret.WithCache(c)),
		typedsecret.New[string]("key", typedsecret.WithCache(c), typedsecret.WithStage("AWSPREVIOUS"))
}

// failPrevious is a keyring's fail that lets nobody read the previous version.
func failPrevious(_ context.Context, stage string) error {
	if stage == "AWSPREVIOUS" {
		return secret.ErrUnavailable
	}
	return nil
}

func TestEachRotationThatTheHandleSawCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, handle, _ := onKeyring(t, nil, "k0", "k1")
		wantVersions(t, handle, "k1", "k0")
		k.failBy(failPrevious)
		k.rotate(t, handle, "k2")
		k.rotate(t, handle, "k3")
		wantVersions(t, handle, "k3", "k0", "k2")
	})
}

// TestAPreviousVersionFromBeforeARotationIsNotEnough if nobody knows what was current before.
func TestAPreviousVersionFromBeforeARotationIsNotEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, handle, previous := onKeyring(t, nil, "k0", "k1")
		if err := typedsecret.Preload(t.Context(), handle, previous); err != nil {
			t.Fatal(err)
		}
		k.rotate(t, handle, "k2")
		k.failBy(failPrevious)
		if got, err := handle.Versions(t.Context()); !errors.Is(err, typedsecret.ErrUnavailable) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// TestThePreviousVersionIsReadAfterTheCurrent also if the cache has it already.
func TestThePreviousVersionIsReadAfterTheCurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, handle, previous := onKeyring(t, nil, "k0", "k1")
		if v, err := previous.Get(t.Context()); v != "k0" || err != nil {
			t.Fatal(v, err)
		}
		k.mu.Lock()
		k.keys = append(k.keys, "k2")
		k.mu.Unlock()
		wantVersions(t, handle, "k2", "k1")
	})
}

// TestAnAnswerFromBeforeTheRotationSaysNothing of the key that was rotated out.
func TestAnAnswerFromBeforeTheRotationSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, handle, previous := onKeyring(t, nil, "k0", "k1")
		wantVersions(t, handle, "k1", "k0")
		k.failBy(func(_ context.Context, stage string) error {
			if stage == "AWSPREVIOUS" {
				k.failBy(failPrevious)
				time.Sleep(2 * time.Second)
			}
			return nil
		})
		go func() { _, _ = previous.Refresh(t.Context()) }()
		time.Sleep(time.Second)
		k.rotate(t, handle, "k2")
		for range 10 {
			wantVersions(t, handle, "k2", "k0", "k1")
			time.Sleep(700 * time.Millisecond)
		}
	})
}

// TestAPreviousVersionThatHangsCostsNoDeadline if the result is known without it.
func TestAPreviousVersionThatHangsCostsNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, handle, _ := onKeyring(t, nil, "k1")
		wantVersions(t, handle, "k1")
		k.failBy(func(ctx context.Context, stage string) error {
			if stage == "AWSPREVIOUS" {
				<-ctx.Done()
			}
			return ctx.Err()
		})
		k.rotate(t, handle, "k2")
		var waited time.Duration
		for range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
			began := time.Now()
			if got, err := handle.Versions(ctx); err != nil || !slices.Equal(got, []string{"k2", "k1"}) {
				t.Error(got, err)
			}
			cancel()
			waited += time.Since(began)
			time.Sleep(time.Second)
		}
		if waited > 1100*time.Millisecond {
			t.Errorf("the callers waited for %v", waited)
		}
	})
}

func TestAHookThatFailsForThePreviousVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &moody{}
		k, handle, _ := onKeyring(t, m, "k0", "k1")
		wantVersions(t, handle, "k1", "k0")
		k.failBy(failPrevious)
		k.rotate(t, handle, "k2")
		m.refused.Store("k0")
		wantVersions(t, handle, "k2", "k1")
	})
}
