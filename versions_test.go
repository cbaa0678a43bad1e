package typedsecret_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
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
