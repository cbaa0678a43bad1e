package codec

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding"
	"encoding/json"
	"reflect"
	"sync"
)

// registered holds the registered codecs, from a reflect.Type to a Codec.
var registered sync.Map

// Register makes c the codec that [For] returns for T. Call it from an init function, or at
// least before the first secret of type T is read, since handles choose their codec at the
// first read. If Register is called several times before that, the last call counts; a nil
// c removes the registration. The registration is for T as a whole, not for fields of type
// T, nor for *T. Register may be called from several goroutines at once.
func Register[T any](c Codec) {
	t := reflect.TypeFor[T]()
	if c == nil {
		registered.Delete(t)
		return
	}
	registered.Store(t, c)
}

// For returns the codec that T gets by default. It is the first that applies:
//
//   - the registered one;
//   - [PEM] for the types of keys and certificates that it lists;
//   - [Text] for a T or *T that is an encoding.TextUnmarshaler, for a time.Duration and
//     for a url.URL. So a time.Time, 30s or a netip.Addr is the whole text of its secret,
//     without quotes;
//   - [JSON] for a json.Unmarshaler;
//   - [Bytes] for an encoding.BinaryUnmarshaler;
//   - [JSON] for a json.Number;
//   - [Text] for the other string types, [Bytes] for the other byte slices;
//   - [JSON].
//
// A pointer to which none of these applies gets the codec of the type that it points to.
func For[T any]() Codec {
	t := reflect.TypeFor[T]()
	if c, ok := registered.Load(t); ok {
		return c.(Codec)
	}
	return defaultFor(t)
}

func defaultFor(t reflect.Type) Codec {
	for range maxPointers {
		if c := codecOf(t); c != nil {
			return c
		}
		if t.Kind() != reflect.Pointer {
			break
		}
		t = t.Elem()
	}
	return JSON{}
}

// codecOf returns the codec of t, or nil if that depends on the type that t points to.
func codecOf(t reflect.Type) Codec {
	switch {
	case pemTypes[t]:
		return PEM{}
	case has[encoding.TextUnmarshaler](t), t == durationType, t == urlType, t.Kind() == reflect.Pointer && t.Elem() == urlType:
		return Text{}
	case has[json.Unmarshaler](t), t == numberType:
		return JSON{}
	case has[encoding.BinaryUnmarshaler](t):
		return Bytes{}
	case t.Kind() == reflect.String:
		return Text{}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return Bytes{}
	}
	return nil
}

// has reports whether a *T, or a T that is a pointer, has the methods of I. It returns
// false for an interface, since a new one holds no value whose methods could be called.
func has[I any](t reflect.Type) bool {
	i := reflect.TypeFor[I]()
	return t.Kind() != reflect.Interface &&
		(reflect.PointerTo(t).Implements(i) || t.Kind() == reflect.Pointer && t.Implements(i))
}

// pemTypes are the types into which PEM decodes.
var pemTypes = map[reflect.Type]bool{
	reflect.TypeFor[*x509.Certificate]():   true,
	reflect.TypeFor[[]*x509.Certificate](): true,
	reflect.TypeFor[*x509.CertPool]():      true,
	reflect.TypeFor[tls.Certificate]():     true,
	reflect.TypeFor[*tls.Certificate]():    true,
	reflect.TypeFor[crypto.Signer]():       true,
	reflect.TypeFor[crypto.PrivateKey]():   true,
	reflect.TypeFor[*rsa.PrivateKey]():     true,
	reflect.TypeFor[*ecdsa.PrivateKey]():   true,
	reflect.TypeFor[ed25519.PrivateKey]():  true,
}
