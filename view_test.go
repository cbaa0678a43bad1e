package typedsecret_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// slowly makes a codec that takes a second for one payload, two for another.
func slowly(one, two string) *counter {
	c := counting(codec.JSON{})
	c.before = func(data []byte) {
		switch string(data) {
		case one:
			time.Sleep(time.Second)
		case two:
			time.Sleep(2 * time.Second)
		}
	}
	return c
}

func TestAGoodVersionThatDecodesSlowlySurvivesABadOneThatFollows(t *testing.T) {
	t.Run("first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source := storing("k", "1")
			handle := typedsecret.New[int]("k",
				typedsecret.WithCache(open(t, source, eager)), typedsecret.WithCodec(slowly("1", "")))
			go handle.Get(t.Context())
			synctest.Wait()
			source.put("k", "no JSON")
			if _, err := handle.Refresh(t.Context()); err == nil {
				t.Error("the bad version was taken")
			}
			time.Sleep(2 * time.Second)
			wantGet(t, handle, 1)
			if _, info, _ := handle.GetWithInfo(t.Context()); info.VersionID != "v1" || info.RejectedVersionID != "v2" || info.DecodeErr == nil {
				t.Errorf("info: %+v", info)
			}
		})
	})
	t.Run("second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source := storing("k", "0")
			handle := typedsecret.New[int]("k",
				typedsecret.WithCache(open(t, source, eager)), typedsecret.WithCodec(slowly("1", "no JSON")))
			wantGet(t, handle, 0)
			source.put("k", "1")
			go handle.Refresh(t.Context())
			synctest.Wait()
			source.put("k", "no JSON")
			time.Sleep(time.Nanosecond)
			go handle.Refresh(t.Context())
			time.Sleep(time.Minute)
			wantGet(t, handle, 1)
		})
	})
}

func TestACodecThatPanickedIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		codec := counting(codec.JSON{})
		codec.before = func([]byte) {
			if broken.Load() {
				panic("not ready")
			}
		}
		source := storing("k", "1")
		events := &observed.Journal{}
		cfg := eager
		cfg.Observer = events
		handle := typedsecret.New[int]("k", typedsecret.WithCache(open(t, source, cfg)), typedsecret.WithCodec(codec))
		broken.Store(true)
		for range 3 {
			if _, err := handle.Get(t.Context()); !errors.Is(err, typedsecret.ErrPanic) {
				t.Errorf("got %v", err)
			}
		}
		broken.Store(false)
		wantGet(t, handle, 1)

		broken.Store(true)
		source.put("k", "2")
		if _, err := handle.Refresh(t.Context()); !errors.Is(err, typedsecret.ErrPanic) {
			t.Errorf("got %v", err)
		}
		wantGet(t, handle, 1)
		broken.Store(false)
		time.Sleep(time.Nanosecond)
		wantRefresh(t, handle, 2) // of the same version
		if n := len(observed.Of[hook.DecodeFailed](events)); n != 2 {
			t.Errorf("%d events for two versions", n)
		}
	})
}

func TestAVersionIsDecodedOnceAlsoIfItIsRefreshedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := slowly("1", "")
		held := open(t, storing("k", "1"), eager)
		handle := typedsecret.New[int]("k", typedsecret.WithCache(held), typedsecret.WithCodec(c))
		go handle.Get(t.Context())
		synctest.Wait()
		if _, err := held.Refresh(t.Context(), secret.Ref{ID: "k"}); err != nil {
			t.Fatal(err)
		}
		wantGet(t, handle, 1)
		c.want(t, 1)
	})
}
