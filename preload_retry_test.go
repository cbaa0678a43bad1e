package typedsecret_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/internal/testcache"
	"github.com/typedsecret/typedsecret/secrettest"
)

func TestAPreloaderThatRetriesWaitsOutAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rig := testcache.New(t)
		server := rig.Server
		handles := manyHandles(t, server, 3, typedsecret.WithCache(rig.Cache))
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
		rig := testcache.New(t)
		server := rig.Server
		with := typedsecret.WithCache(rig.Cache)
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
