package typedsecret_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/typedsecret/typedsecret"
)

// A greeter accepts any Getter of a name.
type greeter struct{ name typedsecret.Getter[string] }

func TestAStaticHandleDoesWhatAHandleDoes(t *testing.T) {
	handle := typedsecret.Static("Ada")
	if err := typedsecret.Preload(t.Context(), handle); err != nil {
		t.Error(err)
	}
	g := greeter{handle}
	if v, err := g.name.Get(t.Context()); v != "Ada" || err != nil {
		t.Errorf("Get: %q, %v", v, err)
	}
	if v, info, err := handle.GetWithInfo(t.Context()); v != "Ada" || info.Stale || info.ID != "static" || info.VersionID != "static" || err != nil {
		t.Errorf("GetWithInfo: %q, %+v, %v", v, info, err)
	}
	if v, _, ok := handle.Peek(); v != "Ada" || !ok {
		t.Errorf("Peek: %q, %v", v, ok)
	}
	if v, err := handle.Refresh(t.Context()); v != "Ada" || err != nil {
		t.Errorf("Refresh: %q, %v", v, err)
	}
	if err := handle.Invalidate(t.Context()); err != nil {
		t.Errorf("Invalidate: %v", err)
	}
	calls := 0
	err := handle.Do(t.Context(), func(_ context.Context, v string) error {
		calls++
		return typedsecret.Rejected(errors.New("no"))
	})
	if calls != 1 || !errors.Is(err, typedsecret.ErrRejected) {
		t.Errorf("Do: %d calls, %v", calls, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for v, err := range handle.Watch(ctx) {
		if v != "Ada" || err != nil {
			t.Errorf("Watch: %q, %v", v, err)
		}
		cancel()
	}
}

var staticVar = typedsecret.Static([]string{"a", "b"})

func TestAStaticHandleWorksInEveryBubble(t *testing.T) {
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			for range 2 {
				if v, err := staticVar.Get(t.Context()); len(v) != 2 || err != nil {
					t.Errorf("%v, %v", v, err)
				}
			}
			if _, err := staticVar.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

type positive int

func (p positive) Validate() error {
	if p <= 0 {
		return errors.New("not positive")
	}
	return nil
}

func TestAStaticHandleOnAnInvalidValueSaysSo(t *testing.T) {
	if _, err := typedsecret.Static(positive(-1)).Get(t.Context()); err == nil {
		t.Error("no error")
	}
	if v, err := typedsecret.Static(positive(1)).Get(t.Context()); v != 1 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
}

// A counted is valid, and counts how often it was asked.
type counted struct{ calls map[string]int }

func (c *counted) Validate() error {
	c.calls["Validate"]++
	return nil
}

func (c *counted) Clone() *counted { return &counted{} }

// TestAllCallersOfAStaticHandleGetTheValueItself, and none of them calls its methods.
func TestAllCallersOfAStaticHandleGetTheValueItself(t *testing.T) {
	value := &counted{map[string]int{}}
	handle := typedsecret.Static(value)
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			if v, err := handle.Get(t.Context()); v != value || err != nil {
				t.Errorf("%p, %v; want %p", v, err, value)
			}
		})
	}
	readers.Wait()
	if n := value.calls["Validate"]; n != 1 {
		t.Errorf("%d calls of Validate", n)
	}
}
