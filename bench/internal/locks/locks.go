// Package locks finds out whether work needs a mutex of a data structure: [Stop] holds
// every mutex that it finds there during the work. A contention profile shows less: a lock
// without a waiter leaves no sample in it, and neither does a wait that ends by spinning.
package locks

import (
	"reflect"
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// A Lock is a sync.Mutex or sync.RWMutex.
type Lock interface {
	sync.Locker
	TryLock() bool
}

// In returns the mutexes in the roots and in everything that they reach by pointers,
// interfaces, slices, maps, atomic.Pointers and sync.Maps. It does not look into other
// types of the standard library, closures and weak pointers. The roots must not change
// meanwhile.
func In(roots ...any) []Lock {
	w := walk{seen: map[place]bool{}}
	for _, r := range roots {
		w.visit(reflect.ValueOf(r))
	}
	return w.found
}

type place struct {
	at unsafe.Pointer
	of reflect.Type
}

type walk struct {
	seen  map[place]bool
	found []Lock
}

func (w *walk) visit(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if at := (place{v.UnsafePointer(), v.Type()}); !v.IsNil() && !w.seen[at] {
			w.seen[at] = true
			w.visit(v.Elem())
		}
	case reflect.Interface:
		w.visit(v.Elem())
	case reflect.Struct:
		if isStandard(v.Type()) {
			w.visitStandard(v)
			return
		}
		for i := range v.NumField() {
			w.visit(v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		if !leads(v.Type().Elem()) {
			return
		}
		for i := range v.Len() {
			w.visit(v.Index(i))
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			w.visit(entries.Key())
			w.visit(entries.Value())
		}
	}
}

// leads reports whether a value of type t can hold or reach a mutex.
func leads(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Struct, reflect.Slice, reflect.Array, reflect.Map:
		return true
	}
	return false
}

func isStandard(t reflect.Type) bool {
	root, _, _ := strings.Cut(t.PkgPath(), "/")
	return root != "" && !strings.Contains(root, ".")
}

func (w *walk) visitStandard(v reflect.Value) {
	if !v.CanAddr() {
		return // a copy, whose locks are not used
	}
	// A new pointer is needed, since reflection can't use unexported fields.
	p := reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr()))
	switch x := p.Interface().(type) {
	case *sync.Map:
		x.Range(func(key, value any) bool {
			w.visit(reflect.ValueOf(key))
			w.visit(reflect.ValueOf(value))
			return true
		})
	case Lock:
		// A struct that is a field may be reached by a pointer too.
		if at := (place{p.UnsafePointer(), p.Type()}); !w.seen[at] {
			w.seen[at] = true
			w.found = append(w.found, x)
		}
	default:
		if t := v.Type(); t.PkgPath() == "sync/atomic" && strings.HasPrefix(t.Name(), "Pointer[") {
			w.visit(p.MethodByName("Load").Call(nil)[0])
		}
	}
}

// Stop reports whether work has to wait for one of the locks. It holds all locks, and
// reports true if the work does not end within patience. Then it releases the locks, and
// returns when the work has ended.
func Stop(locks []Lock, patience time.Duration, work func() error) (stopped bool, err error) {
	for !tryAll(locks) { // another goroutine has a lock, and may want a second one
		runtime.Gosched()
	}
	ended := make(chan error, 1)
	go func() { ended <- work() }()
	select {
	case err = <-ended:
		unlock(locks)
		return false, err
	case <-time.After(patience):
		unlock(locks)
		return true, <-ended
	}
}

func tryAll(locks []Lock) bool {
	for i, l := range locks {
		if !l.TryLock() {
			unlock(locks[:i])
			return false
		}
	}
	return true
}

func unlock(locks []Lock) {
	for _, l := range locks {
		l.Unlock()
	}
}
