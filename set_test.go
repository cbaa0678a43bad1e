package typedsecret_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// inSet is used before it is initialised, for it stands above its Set.
var (
	inSet  = typedsecret.New[string]("set/there", typedsecret.WithSet(&varSet))
	varSet typedsecret.Set
)

func TestASetPreloadsItsHandles(t *testing.T) {
	server, c := secrettest.NewCache(t)
	setDefault(t, c)
	server.Seed(t, "set/there", "a")
	server.Seed(t, "elsewhere", "b")
	typedsecret.New[string]("elsewhere")
	typedsecret.New[string]("set/missing", typedsecret.WithSet(&varSet))
	err := varSet.Preload(t.Context())
	if err == nil || !strings.Contains(err.Error(), "set/missing") || strings.Contains(err.Error(), "set/there") {
		t.Errorf("one of the two secrets doesn't exist, and the error is %v", err)
	}
	if n := server.CallsFor("elsewhere"); n != 0 {
		t.Error("a handle was preloaded that is in no Set")
	}
	before := server.Calls()
	if v, err := inSet.Get(t.Context()); v != "a" || err != nil || server.Calls() != before {
		t.Errorf("%q, %v, after %d calls", v, err, server.Calls()-before)
	}
	if handles := varSet.Handles(); len(handles) != 2 || handles[0] != inSet {
		t.Errorf("the Set has %v", handles)
	}
}

func TestASetIsSafeForConcurrentUse(t *testing.T) {
	var set typedsecret.Set
	var making sync.WaitGroup
	for range 8 {
		making.Go(func() {
			for range 100 {
				typedsecret.New[string]("k", typedsecret.WithSet(&set))
				set.Handles()
			}
		})
	}
	making.Wait()
	if n := len(set.Handles()); n != 800 {
		t.Errorf("%d handles", n)
	}
}

func TestAnEmptySetAndNone(t *testing.T) {
	var set typedsecret.Set
	if err := set.Preload(t.Context()); err != nil {
		t.Error(err)
	}
	if err := (*typedsecret.Set)(nil).Preload(t.Context()); err != nil {
		t.Error(err)
	}
	if err := typedsecret.New[string]("k", typedsecret.WithSet(nil)).Err(); !errors.Is(err, typedsecret.ErrInvalidConfig) {
		t.Errorf("a nil Set: %v", err)
	}
	if err := typedsecret.NewByID[string](typedsecret.WithSet(&set)).Err(); !errors.Is(err, typedsecret.ErrInvalidConfig) {
		t.Errorf("a ByID in a Set: %v", err)
	}
}
