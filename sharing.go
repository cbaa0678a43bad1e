package typedsecret

import (
	"crypto"
	"crypto/ed25519"
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

// sharing says how changes that one caller makes to a T are hidden from the next.
type sharing int

const (
	decodeEach sharing = iota // each caller gets a decoding of its own
	cloneEach                 // each caller gets a Clone
	share                     // all callers get the same value, which no caller can or will modify
)

func sharingOf[T any](c codec.Codec) sharing {
	t := reflect.TypeFor[T]()
	_, clones := any((*T)(nil)).(interface{ Clone() T })
	_, isContainer := copyContainer(*new(T))
	switch {
	case immutable(t):
		return share
	case clones || t.Implements(reflect.TypeFor[interface{ Clone() T }]()):
		return cloneEach
	case !declaresSharing(c):
		return decodeEach
	case isContainer:
		return cloneEach
	}
	return share
}

func declaresSharing(c codec.Codec) (shared bool) {
	s, ok := c.(codec.Sharer)
	_ = guard.Call("method Shared", func() error {
		shared = ok && s.Shared()
		return nil
	})
	return shared
}

// copyContainer makes a shallow copy of v, if T is a container whose elements are by custom
// never modified. Some programs modify the container itself: they filter it, say, or staple
// an OCSP response.
func copyContainer[T any](v T) (T, bool) {
	switch c := any(&v).(type) {
	case *[]*x509.Certificate:
		*c = slices.Clone(*c)
	case *ed25519.PrivateKey:
		*c = slices.Clone(*c)
	case *crypto.Signer:
		if key, ok := (*c).(ed25519.PrivateKey); ok {
			*c = slices.Clone(key)
		}
	case *crypto.PrivateKey:
		*c = copyKey(*c)
	case *tls.Certificate:
		copyPair(c)
	case **tls.Certificate:
		if *c != nil {
			pair := **c
			copyPair(&pair)
			*c = &pair
		}
	default:
		return v, false
	}
	return v, true
}

func copyPair(pair *tls.Certificate) {
	pair.Certificate = slices.Clone(pair.Certificate)
	pair.PrivateKey = copyKey(pair.PrivateKey)
}

// copyKey copies a key that is a slice, since its owner may clear it after use. Keys of RSA
// and ECDSA are pointers, and by custom never modified.
func copyKey(key crypto.PrivateKey) crypto.PrivateKey {
	if key, ok := key.(ed25519.PrivateKey); ok {
		return slices.Clone(key)
	}
	return key
}

// immutable reports whether a copy of a t gives no access to anything that can be modified.
func immutable(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[time.Time](), reflect.TypeFor[codec.Redacted](),
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
	if clone, ok := copyContainer(v); ok {
		return clone, nil
	}
	if any(v) == nil {
		return v, nil // T is an interface, and it was decoded from null
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
