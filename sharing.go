package typedsecret

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
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
	if immutable(reflect.TypeFor[T]()) {
		return share
	}
	if clones[T]() {
		return cloneEach
	}
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
	return decodeEach
}

// clones reports whether cloneOf can copy a T.
func clones[T any]() bool {
	switch any((*T)(nil)).(type) {
	case *[]*x509.Certificate, *tls.Certificate, **tls.Certificate:
		return true
	case interface{ Clone() T }:
		return true
	}
	return reflect.TypeFor[T]().Implements(reflect.TypeFor[interface{ Clone() T }]())
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

// cloneOf copies v by its Clone method. Of the containers that package codec fills
// with certificates it copies the container: what is in them nobody modifies, the
// containers some do.
func cloneOf[T any](v T) (clone T, err error) {
	switch c := any(&clone).(type) {
	case *[]*x509.Certificate:
		*c = slices.Clone(any(v).([]*x509.Certificate))
		return clone, nil
	case *tls.Certificate:
		*c = cloneTLS(any(v).(tls.Certificate))
		return clone, nil
	case **tls.Certificate:
		if from := any(v).(*tls.Certificate); from != nil {
			pair := cloneTLS(*from)
			*c = &pair
		}
		return clone, nil
	}
	if any(v) == nil {
		return v, nil // T is an interface, and null is what it was decoded from
	}
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

func cloneTLS(c tls.Certificate) tls.Certificate {
	c.Certificate = slices.Clone(c.Certificate)
	return c
}
