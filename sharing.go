package typedsecret

import (
	"net/netip"
	"net/url"
	"reflect"
	"time"

	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/internal/guard"
)

// sharing is how what one caller does to a T is kept from the next.
type sharing int

const (
	decodeEach sharing = iota // each caller gets a decoding of its own
	cloneEach                 // each caller gets a Clone
	share                     // all get the same: nobody can or will modify it
)

func sharingOf[T any](c codec.Codec) sharing {
	if s, ok := c.(codec.Sharer); ok {
		shared := false
		_ = guard.Call("method Shared", func() error {
			shared = s.Shared()
			return nil
		})
		if shared {
			return share
		}
	}
	t := reflect.TypeFor[T]()
	if immutable(t) {
		return share
	}
	var v T
	if _, ok := any(&v).(interface{ Clone() T }); ok {
		return cloneEach
	}
	if t.Implements(reflect.TypeFor[interface{ Clone() T }]()) {
		return cloneEach
	}
	return decodeEach
}

// immutable reports whether nothing that a copy of a t gives access to can be
// modified through it.
func immutable(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[time.Time](),
		reflect.TypeFor[netip.Addr](), reflect.TypeFor[netip.AddrPort](), reflect.TypeFor[netip.Prefix](),
		reflect.TypeFor[*url.Userinfo](): // "an immutable encapsulation", says its doc comment
		return true
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return true
	case reflect.Array:
		return immutable(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if !immutable(f.Type) {
				return false
			}
		}
		return true
	}
	return false
}

func cloneOf[T any](v T) (clone T, err error) {
	err = guard.Call("method Clone", func() error {
		if c, ok := any(v).(interface{ Clone() T }); ok {
			clone = c.Clone()
		} else {
			clone = any(&v).(interface{ Clone() T }).Clone()
		}
		return nil
	})
	return clone, err
}
