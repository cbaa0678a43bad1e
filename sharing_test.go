package typedsecret_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
)

// A sharingRow reads a T three times, and returns the number of decodings, without and with
// a hook.
type sharingRow func(t *testing.T, payload string, opts ...typedsecret.Option) (decodes, hooked int64)

// reads makes a row that reads a T and modifies it by spoil. The next value must equal the
// original one.
func reads[T any](spoil func(T)) sharingRow {
	return func(t *testing.T, payload string, opts ...typedsecret.Option) (decodes, hooked int64) {
		source := storing("k", payload)
		if len(opts) > 0 { // Shared
			spoil = nil
		}
		return readThrice(t, open(t, source, cache.Config{}), spoil, opts),
			readThrice(t, open(t, source, cache.Config{Hook: flip{}}), spoil, opts)
	}
}

func readThrice[T any](t *testing.T, c *cache.Cache, spoil func(T), opts []typedsecret.Option) int64 {
	t.Helper()
	decodes := counting(codec.For[T]())
	opts = append([]typedsecret.Option{typedsecret.WithCache(c), typedsecret.WithCodec(decodes)}, opts...)
	for _, get := range []func() (T, error){
		func() (T, error) { return typedsecret.NewByID[T](opts...).Get(t.Context(), "k") },
		func() (T, error) { return typedsecret.New[T]("k", opts...).Get(t.Context()) },
	} {
		must[T](t)(get())
	}
	decodes.calls.Store(0)
	handle := typedsecret.New[T]("k", opts...)
	want := must[T](t)(typedsecret.New[T]("k", typedsecret.WithCache(c), typedsecret.WithCodec(decodes.codec)).Get(t.Context()))
	for range 3 {
		got := must[T](t)(handle.Get(t.Context()))
		if diff := cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Errorf("what an earlier caller did is seen (-want +got):\n%s", diff)
		}
		if spoil != nil {
			spoil(got)
		}
	}
	return decodes.calls.Load()
}

type (
	flat struct {
		Name string
		Port uint16
		On   bool
		At   time.Time
		For  time.Duration
		Addr netip.AddrPort
		Pair [2]struct{ A, B string }
	}
	generic[P any] struct{ V P }

	// byValue has a part that can be modified, and a method Clone on the value.
	byValue struct{ List []string }
	// byPointer has a method Clone on the pointer.
	byPointer struct{ List []string }
	// otherClone has a Clone that returns another type.
	otherClone struct{ List []string }
	// flatClone can't be modified, so it is shared although it has Clone.
	flatClone struct{ Name string }
)

func (v byValue) Clone() byValue { return byValue{slices.Clone(v.List)} }

func (v *byPointer) Clone() byPointer { return byPointer{slices.Clone(v.List)} }

func (v otherClone) Clone() any { return v }

func (flatClone) Clone() flatClone { panic("not needed") }

// clonesItself has a Clone on the pointer that returns a pointer.
type clonesItself struct{ List []string }

func (v *clonesItself) Clone() *clonesItself { return &clonesItself{slices.Clone(v.List)} }

// TestSharingIsDecidedByType checks how often three Gets of one version decode, and that no
// caller sees another's changes.
func TestSharingIsDecidedByType(t *testing.T) {
	const (
		once  = 1 // shared or cloned
		fresh = 3 // for each Get
	)
	spoilList := func(list []string) { list[0] = "spoilt" }
	pointerToURL := int64(fresh)
	if _, ok := any((*url.URL)(nil)).(interface{ Clone() *url.URL }); ok { // from Go 1.27 on
		pointerToURL = once
	}
	for name, row := range map[string]struct {
		payload string
		read    sharingRow
		want    int64
	}{
		"string":                   {"x", reads[string](nil), once},
		"a number":                 {"5", reads[int](nil), once},
		"a bool":                   {"true", reads[bool](nil), once},
		"time.Time":                {"2026-11-05T00:00:00Z", reads[time.Time](nil), once},
		"netip.Addr":               {"::1", reads[netip.Addr](nil), once},
		"codec.Redacted":           {"x", reads[codec.Redacted](nil), once},
		"a struct with that":       {`{"V":"x"}`, reads[generic[codec.Redacted]](nil), once},
		"time.Duration":            {"30s", reads[time.Duration](nil), once},
		"a struct of these":        {`{"Name":"n","Port":1,"On":true,"At":"2026-11-05T00:00:00Z","For":"1s","Addr":"[::1]:80","Pair":[{"A":"1","B":"2"},{"A":"3","B":"4"}]}`, reads[flat](nil), once},
		"generic of these":         {`{"V":5}`, reads[generic[int]](nil), once},
		"url.URL":                  {"https://u:p@host/path", reads[url.URL](nil), once},
		"flat with Clone":          {`{"Name":"n"}`, reads[flatClone](nil), once},
		"Clone on the value":       {`{"List":["a"]}`, reads(func(v byValue) { spoilList(v.List) }), once},
		"Clone on the pointer":     {`{"List":["a"]}`, reads(func(v byPointer) { spoilList(v.List) }), once},
		"pointer with Clone":       {`{"List":["a"]}`, reads(func(v *clonesItself) { spoilList(v.List) }), once},
		"pointer, Clone of value":  {`{"List":["a"]}`, reads(func(v *byValue) { spoilList(v.List) }), fresh},
		"Clone of something else":  {`{"List":["a"]}`, reads(func(v otherClone) { spoilList(v.List) }), fresh},
		"[]byte":                   {"abc", reads(func(v []byte) { v[0] = 'X' }), fresh},
		"a slice":                  {`["a"]`, reads(spoilList), fresh},
		"a map":                    {`{"a":"b"}`, reads(func(v map[string]string) { v["a"] = "spoilt" }), fresh},
		"a pointer":                {`{"V":5}`, reads(func(v *generic[int]) { v.V = 6 }), fresh},
		"generic of a slice":       {`{"V":["a"]}`, reads(func(v generic[[]string]) { spoilList(v.V) }), fresh},
		"an array of slices":       {`[["a"]]`, reads(func(v [1][]string) { spoilList(v[0]) }), fresh},
		"any":                      {`{"a":"b"}`, reads(func(v any) { v.(map[string]any)["a"] = "spoilt" }), fresh},
		"a pointer to a URL":       {"https://host/path", reads(func(v *url.URL) { v.Host = "spoilt" }), pointerToURL},
		"unexported, but its own":  {"1", reads[unexported](nil), fresh},
		"a map in a shared struct": {`{"V":{"a":"b"}}`, reads(func(v generic[map[string]string]) { v.V["a"] = "spoilt" }), fresh},
	} {
		t.Run(name, func(t *testing.T) {
			got, hooked := row.read(t, row.payload)
			if got != row.want {
				t.Errorf("three Gets decoded %d times, want %d", got, row.want)
			}
			// With a hook nothing decoded is kept.
			if hooked != fresh {
				t.Errorf("with a hook three Gets decoded %d times, want %d", hooked, fresh)
			}
			// WithShared holds for every T.
			if got, hooked := row.read(t, row.payload, typedsecret.WithShared()); got != once || hooked != fresh {
				t.Errorf("Shared: three Gets decoded %d times, with a hook %d", got, hooked)
			}
		})
	}
}

// unexported has a pointer that only its own package can modify.
type unexported struct{ inner *int }

func (u *unexported) UnmarshalText([]byte) error {
	u.inner = new(1)
	return nil
}

// TestAClearedKeyStaysOneCallers: an Ed25519 key is a slice, which each caller gets as a
// copy.
func TestAClearedKeyStaysOneCallers(t *testing.T) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	clears(t, key, text, func(k ed25519.PrivateKey) ed25519.PrivateKey { return k })
	clears(t, key, text, func(k crypto.Signer) ed25519.PrivateKey { return k.(ed25519.PrivateKey) })
	clears(t, key, text, func(k crypto.PrivateKey) ed25519.PrivateKey { return k.(ed25519.PrivateKey) })
	clears(t, key, text, func(c tls.Certificate) ed25519.PrivateKey { return c.PrivateKey.(ed25519.PrivateKey) })
	clears(t, key, text, func(c *tls.Certificate) ed25519.PrivateKey { return c.PrivateKey.(ed25519.PrivateKey) })
}

func clears[T any](t *testing.T, want ed25519.PrivateKey, text string, keyOf func(T) ed25519.PrivateKey) {
	t.Helper()
	handle := typedsecret.New[T]("k", typedsecret.WithCache(open(t, storing("k", text), cache.Config{})))
	for range 3 {
		got := keyOf(must[T](t)(handle.Get(t.Context())))
		if !got.Equal(want) {
			t.Errorf("%T: a caller cleared the key of the next", *new(T))
		}
		clear(got)
	}
}

// TestKeysAndCertificatesAreShared, since their codec declares it.
func TestKeysAndCertificatesAreShared(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	handle := typedsecret.New[*ecdsa.PrivateKey]("k", typedsecret.WithCache(open(t, storing("k", text), cache.Config{})))
	one, two := must[*ecdsa.PrivateKey](t)(handle.Get(t.Context())), must[*ecdsa.PrivateKey](t)(handle.Get(t.Context()))
	if !key.Equal(one) || one != two {
		t.Error("two Gets returned two keys")
	}

	hooked := typedsecret.New[*ecdsa.PrivateKey]("k",
		typedsecret.WithCache(open(t, storing("k", text), cache.Config{Hook: flip{}})))
	one, two = must[*ecdsa.PrivateKey](t)(hooked.Get(t.Context())), must[*ecdsa.PrivateKey](t)(hooked.Get(t.Context()))
	if !key.Equal(one) || one == two {
		t.Error("with a hook two Gets returned the same key, so it is kept")
	}
}

// TestSharedSharesWhatCouldBeModified, since the caller promised not to modify it.
func TestSharedSharesWhatCouldBeModified(t *testing.T) {
	handle := typedsecret.New[map[string]string]("k", typedsecret.WithShared(),
		typedsecret.WithCache(open(t, storing("k", `{"a":"b"}`), cache.Config{})))
	must[map[string]string](t)(handle.Get(t.Context()))["a"] = "seen by all"
	wantGet(t, handle, map[string]string{"a": "seen by all"})
}

// TestContainersOfCertificatesAreCopied: programs add to pools, filter slices and staple
// tls.Certificates, but don't modify the certificates in them.
func TestContainersOfCertificatesAreCopied(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	with := typedsecret.WithCache(open(t, storing("k", text), cache.Config{}))
	t.Run("slice", func(t *testing.T) {
		certs := typedsecret.New[[]*x509.Certificate]("k", with)
		must[[]*x509.Certificate](t)(certs.Get(t.Context()))[0] = nil
		if got := must[[]*x509.Certificate](t)(certs.Get(t.Context())); got[0] == nil {
			t.Error("what an earlier caller did is seen")
		}
	})
	t.Run("pool", func(t *testing.T) {
		pools := typedsecret.New[*x509.CertPool]("k", with)
		must[*x509.CertPool](t)(pools.Get(t.Context())).AddCert(&x509.Certificate{Raw: []byte("evil")})
		one, two := must[*x509.CertPool](t)(pools.Get(t.Context())), must[*x509.CertPool](t)(pools.Get(t.Context()))
		if one == two || !one.Equal(two) {
			t.Error("what an earlier caller did is seen")
		}
	})
	t.Run("pair", func(t *testing.T) {
		pairs := typedsecret.New[tls.Certificate]("k", with)
		first := must[tls.Certificate](t)(pairs.Get(t.Context()))
		first.Certificate[0] = nil
		if got := must[tls.Certificate](t)(pairs.Get(t.Context())); got.Certificate[0] == nil {
			t.Error("what an earlier caller did is seen")
		}
	})
	t.Run("pair by pointer", func(t *testing.T) {
		pairs := typedsecret.New[*tls.Certificate]("k", with)
		first := must[*tls.Certificate](t)(pairs.Get(t.Context()))
		first.Certificate[0], first.OCSPStaple = nil, []byte("staple")
		if got := must[*tls.Certificate](t)(pairs.Get(t.Context())); got.Certificate[0] == nil || got.OCSPStaple != nil {
			t.Error("what an earlier caller did is seen")
		}
	})
}

// nilable is an interface, so it may be decoded from null.
type nilable interface{ Clone() nilable }

func TestACloneOfNothingIsNothing(t *testing.T) {
	handle := typedsecret.New[nilable]("k",
		typedsecret.WithCache(open(t, storing("k", "x"), cache.Config{})),
		typedsecret.WithCodec(codec.Func(func([]byte) (nilable, error) { return nil, nil })))
	for range 2 {
		if v, err := handle.Get(t.Context()); v != nil || err != nil {
			t.Errorf("got %v, %v", v, err)
		}
	}
}

func TestWhatACodecDidNotDeclareSharedIsDecodedForEach(t *testing.T) {
	handle := typedsecret.New[[]*x509.Certificate]("k",
		typedsecret.WithCache(open(t, storing("k", "x"), cache.Config{})),
		typedsecret.WithCodec(codec.Func(func([]byte) ([]*x509.Certificate, error) {
			return []*x509.Certificate{{DNSNames: []string{"good"}}}, nil
		})))
	must[[]*x509.Certificate](t)(handle.Get(t.Context()))[0].DNSNames[0] = "evil"
	if got := must[[]*x509.Certificate](t)(handle.Get(t.Context())); got[0].DNSNames[0] != "good" {
		t.Error("what an earlier caller did is seen")
	}
}
