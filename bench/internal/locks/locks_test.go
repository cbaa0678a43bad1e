package locks_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/locks"
)

type leaf struct {
	mu   sync.Mutex
	back *tree
}

type tree struct {
	mu      sync.RWMutex
	byValue leaf
	listed  []*leaf
	mapped  map[string]*leaf
	shared  sync.Map
	swapped atomic.Pointer[leaf]
	any     any
}

func TestInFindsEveryMutex(t *testing.T) {
	root := &tree{listed: []*leaf{{}, {}, nil}, mapped: map[string]*leaf{"a": {}}, any: &leaf{}}
	root.shared.Store("b", &leaf{})
	root.swapped.Store(&leaf{back: root})
	root.any.(*leaf).back = root
	if got := len(locks.In(root, root.listed[0])); got != 8 {
		t.Errorf("found %d mutexes, want 8", got)
	}
	if got := len(locks.In(&struct{ names []string }{[]string{"a"}})); got != 0 {
		t.Errorf("found %d mutexes where there is none", got)
	}
}

func TestStopFindsWorkThatWaitsForALock(t *testing.T) {
	for name, c := range map[string]struct {
		work func(root *tree) func() error
		want bool
	}{
		"without": {func(root *tree) func() error {
			return func() error { root.swapped.Load(); return nil }
		}, false},
		"with": {func(root *tree) func() error {
			return func() error {
				root.byValue.mu.Lock()
				defer root.byValue.mu.Unlock()
				return nil
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			root := new(tree)
			got, err := locks.Stop(locks.In(root), 10*time.Millisecond, c.work(root))
			if got != c.want || err != nil {
				t.Errorf("stopped: %v, error %v; want %v", got, err, c.want)
			}
			if !root.mu.TryLock() || !root.byValue.mu.TryLock() {
				t.Error("a lock is still held")
			}
		})
	}
}

// TestALockIsFoundOnce although a pointer leads to the field in which it is.
func TestALockIsFoundOnce(t *testing.T) {
	type inner struct{ sync.Mutex }
	type outer struct {
		in inner
		to *inner
	}
	o := &outer{}
	o.to = &o.in
	if found := locks.In(o); len(found) != 1 {
		t.Errorf("%d locks", len(found))
	}
}
