package codec_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/codec"
)

func TestForChoosesByType(t *testing.T) {
	type own struct{ A int }
	for name, c := range map[string]struct{ got, want codec.Codec }{
		"struct":          {codec.For[own](), codec.JSON{}},
		"map":             {codec.For[map[string]string](), codec.JSON{}},
		"int":             {codec.For[int](), codec.JSON{}},
		"any":             {codec.For[any](), codec.JSON{}},
		"string":          {codec.For[string](), codec.Text{}},
		"named string":    {codec.For[password](), codec.Text{}},
		"bytes":           {codec.For[[]byte](), codec.Bytes{}},
		"named bytes":     {codec.For[blob](), codec.Bytes{}},
		"TLS":             {codec.For[tls.Certificate](), codec.PEM{}},
		"time":            {codec.For[time.Time](), codec.Text{}},
		"*netip.Addr":     {codec.For[*netip.Addr](), codec.Text{}},
		"url":             {codec.For[url.URL](), codec.Text{}},
		"*url":            {codec.For[*url.URL](), codec.Text{}},
		"duration":        {codec.For[time.Duration](), codec.Text{}},
		"*duration":       {codec.For[*time.Duration](), codec.Text{}},
		"*string":         {codec.For[*string](), codec.Text{}},
		"**named string":  {codec.For[**password](), codec.Text{}},
		"*bytes":          {codec.For[*[]byte](), codec.Bytes{}},
		"*struct":         {codec.For[*replica](), codec.JSON{}},
		"**TLS":           {codec.For[**tls.Certificate](), codec.PEM{}},
		"*signer":         {codec.For[*crypto.Signer](), codec.PEM{}},
		"*Ed25519":        {codec.For[*ed25519.PrivateKey](), codec.PEM{}},
		"json.Number":     {codec.For[json.Number](), codec.JSON{}},
		"to itself":       {codec.For[selfPointer](), codec.JSON{}},
		"json.RawMessage": {codec.For[json.RawMessage](), codec.JSON{}},
		"UnmarshalJSON":   {codec.For[upper](), codec.JSON{}},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %T, want %T", name, c.got, c.want)
		}
	}
}

func TestLastRegistrationWins(t *testing.T) {
	type own struct{ A int }
	codec.Register[own](codec.Text{})
	codec.Register[own](codec.JSON{Strict: true})
	if c := codec.For[own](); c != (codec.JSON{Strict: true}) {
		t.Errorf("got %#v", c)
	}
	codec.Register[own](nil)
	if c := codec.For[own](); c != (codec.JSON{}) {
		t.Errorf("after taking it back: %#v", c)
	}
}

// TestManyGoroutines is for the race detector: goroutines register codecs, make new plans
// and decode at the same time.
func TestManyGoroutines(t *testing.T) {
	type own struct {
		Name string
		Sub  []*own `json:",omitempty"`
		DB   map[string]pair[int, *own]
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 50 {
				codec.Register[own](codec.JSON{})
				in := []byte(`{"Name":"a","Sub":[{"Name":"b","DB":{}}],"DB":{"x":{"key":1,"value":{"Name":"c","DB":{}}}}}`)
				v, err := codec.Decode[own](codec.For[own](), in)
				if err != nil || v.Sub[0].Name != "b" || v.DB["x"].Value.Name != "c" {
					t.Errorf("got %+v, %v", v, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestIntoMustBeAPointer, for callers that use a Codec without Decode.
func TestIntoMustBeAPointer(t *testing.T) {
	for _, c := range []codec.Codec{codec.JSON{}, codec.Text{}, codec.Bytes{}, codec.PEM{}, csv} {
		for _, into := range []any{nil, 1, (*int)(nil), (*[2]string)(nil)} {
			if err := c.Decode([]byte("1"), into); !errors.Is(err, codec.ErrUnsupported) {
				t.Errorf("%T into %T: %v", c, into, err)
			}
		}
	}
}

func TestOnlyPEMDeclaresSharing(t *testing.T) {
	for _, c := range []codec.Codec{codec.JSON{}, codec.Text{}, codec.Bytes{}, codec.PEM{}, csv} {
		s, ok := c.(codec.Sharer)
		if want := c == (codec.PEM{}); ok != want || ok && !s.Shared() {
			t.Errorf("%T: %v", c, ok)
		}
	}
}

// TestDecodeMergesAsEncodingJSONDoes: fields without a key in the secret keep their values.
func TestDecodeMergesAsEncodingJSONDoes(t *testing.T) {
	v := struct {
		A int `json:",omitempty"`
		M map[string]int
		S []int
	}{1, map[string]int{"a": 1}, []int{1, 2, 3}}
	old := v.S
	if err := (codec.JSON{}).Decode([]byte(`{"M":{"b":2},"S":[9]}`), &v); err != nil {
		t.Fatal(err)
	}
	if v.A != 1 || len(v.M) != 2 || len(v.S) != 1 || old[0] != 1 {
		t.Errorf("got %+v, old array %v", v, old)
	}
}
