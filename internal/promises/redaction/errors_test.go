package redaction_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// TestFailedRequestsShowNoSecret uses the real SDK over HTTP. The answers begin with the
// secret, and are cut off, corrupt or of the wrong types.
func TestFailedRequestsShowNoSecret(t *testing.T) {
	for _, effect := range []secrettest.Effect{
		secrettest.CorruptBody(), secrettest.TruncateBody(), secrettest.WrongTypes(), secrettest.DropAfterHeaders(),
		secrettest.DropConnection(), secrettest.Hang(), secrettest.Throttling(), secrettest.InternalError(),
		secrettest.Unavailable(), secrettest.AccessDenied(), secrettest.DecryptionFailure(),
		secrettest.Respond(418, "TeapotException", "no coffee"),
	} {
		t.Run(effect.String(), func(t *testing.T) {
			server := secrettest.New(t)
			server.Seed(t, "k", hidden)
			source, err := awssm.New(handletest.ClientByURL(server))
			if err != nil {
				t.Fatal(err)
			}
			events := &observed.Journal{}
			c := handletest.Open(t, source, cache.Config{
				Observer: events, FetchTimeout: 300 * time.Millisecond,
				Backoff: backoff.Policy{Base: -1},
			})
			warm, cold := typedsecret.New[string]("k", typedsecret.WithCache(c)), typedsecret.NewByID[password](typedsecret.WithCache(c))
			handletest.WantGet(t, warm, hidden)
			server.Rotate(t, "k", hidden[1:])
			server.Fail(t, secrettest.Fault{Effect: effect, Times: 4})

			_, errRefresh := warm.Refresh(t.Context())
			if err := warm.Invalidate(t.Context()); err != nil {
				t.Fatal(err)
			}
			handletest.WantGet(t, warm, hidden)
			_, info, err := warm.GetWithInfo(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, errCold := cold.Get(t.Context(), "k#")
			for _, err := range []error{errRefresh, info.RefreshErr, errCold} {
				if err == nil {
					t.Fatal("no error")
				}
				wantSilent(t, hidden, err)
			}
			wantSilent(t, hidden, wrapped(&info)...)
			wantSilentEvents(t, events)
		})
	}
}

// The methods of these types quote their input.
type (
	quotingText     string
	quotingJSON     string
	quotingBinary   string
	quotingValidate string
	panickingText   string
	panickingJSON   struct{ S string }
	panickingValid  struct {
		Password string `json:"password"`
	}
	panickingClone struct{ Passwords []string }
	stdlibJSON     struct{ password }
	several        struct {
		User     int                `json:"user"`
		Password bool               `json:"password"`
		V        *x509.Certificate  `json:"V"`
		Own      quotingJSON        `json:"own"`
		Times    []time.Time        `json:"times"`
		Keys     map[netip.Addr]int `json:"keys"`
		Missing  string             `json:"missing"`
	}
)

func (quotingText) UnmarshalText(b []byte) error { return &quoting{string(b)} }
func (quotingJSON) UnmarshalJSON(b []byte) error {
	return fmt.Errorf("at %q: %w", b, &quoting{string(b)})
}
func (quotingBinary) UnmarshalBinary(b []byte) error { return fmt.Errorf("at %x", b) }
func (v quotingValidate) Validate() error            { return errors.Join(&quoting{string(v)}, codec.ErrValue) }
func (panickingText) UnmarshalText(b []byte) error   { panic(string(b)) }
func (panickingJSON) UnmarshalJSON(b []byte) error   { panic(&quoting{string(b)}) }
func (v panickingValid) Validate() error             { panic(v) }
func (v panickingClone) Clone() panickingClone       { panic(v.Passwords) }

// UnmarshalJSON uses the decoder of the standard library, which quotes its input.
func (v *stdlibJSON) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &struct{ User, Password int8 }{})
}

// secretDocs are documents that at least one T refuses. $S stands for the secret.
var secretDocs = []string{
	`{"user":"app","password":"$S"}`, `{"user":"app","password":"$S`, `{"user":"app","password":$S}`,
	`{"user":"app","password":"$S",}`, `{"user":"app","password":"\u$S"}`, `{"user":"app","password":"$S\x"}`,
	`{"user":["$S"],"password":{"a":"$S"}}`, `{"password":"$S"}`, `{"USER":"$S","Password":"$S"}`,
	`{"$S":1}`, `{"user":"app","password":"x","$S":1,"$S":2}`, `{"user":"$S","user":"$S"}`, `{"passwords":["$S",5]}`,
	`{"user":"$S","password":["$S"],"V":"$S","own":"$S","times":["$S","$S"],"keys":{"$S":"$S"},"$S":1,"x$S":2,"$S":3}`,
	`{"user":{"$S":"$S","$S":1},"password":$S`, `["$S",{"user":"$S"},["$S"],null,"x$S"]`,
	`$S`, `"$S"`, `"$S`, `["$S"]`, `["$S"`, `[[[["$S"]]]]`, `{"V":{"$S":"$S"}}`, ` $S `, "\xff$S\xfe", "\x00$S",
	`$S://$S@$S:$S/`, `https://u:$S@host:$S/%zz$S`, `2026-11-05T$S`, `1h$S`, `10.0.0.$S`, `::$S`, `-$S`, `1e$S`, `t$S`, `nul$S`,
	"-----BEGIN CERTIFICATE-----\n$S\n-----END CERTIFICATE-----\n", "-----BEGIN $S-----\n$S\n-----END $S-----\n",
	"-----BEGIN PRIVATE KEY-----\n$S", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: $S\nX: $S\n\n$S$S\n-----END RSA PRIVATE KEY-----",
	`{"certificate":"$S","privateKey":"$S"}`, `<xml>$S</$S>`,
}

// decodings decode a document by handles of all kinds. They return errors and other results
// to be searched.
var decodings = map[string]func(context.Context, typedsecret.Option) []any{
	"password":     saying[password](),
	"strict":       saying[password](typedsecret.WithCodec(codec.JSON{Strict: true})),
	"lenient":      saying[struct{ User, Password int }](typedsecret.WithCodec(codec.JSON{Lenient: true})),
	"passwordList": saying[passwordList](),
	"tagged": saying[struct {
		User bool `json:"user,string"`
	}](),
	"several":        saying[several](),
	"several strict": saying[several](typedsecret.WithCodec(codec.JSON{Strict: true})),
	"several of key": saying[int8](typedsecret.WithCodec(codec.Key("times", codec.JSON{}))),
	"map":            saying[map[string]int](),
	"map of keys":    saying[map[netip.Addr]int](),
	"slice":          saying[[]uint8](typedsecret.WithCodec(codec.JSON{})),
	"deep":           saying[struct{ V map[string]struct{ A int } }](),
	"int":            saying[int](),
	"float":          saying[float64](),
	"bool":           saying[bool](),
	"time":           saying[time.Time](),
	"duration":       saying[time.Duration](),
	"URL":            saying[url.URL](),
	"Addr":           saying[netip.Addr](),
	"certificate":    saying[*x509.Certificate](),
	"pool":           saying[*x509.CertPool](),
	"TLS":            saying[tls.Certificate](),
	"any":            saying[any](),
	"chan":           saying[chan int](),
	"own text":       saying[quotingText](),
	"own JSON":       saying[quotingJSON](),
	"own JSON field": saying[struct{ User quotingJSON }](),
	"own binary":     saying[quotingBinary](),
	"own validation": saying[quotingValidate](typedsecret.WithCodec(codec.Text{})),
	"stdlib":         saying[stdlibJSON](),
	"panics: text":   saying[panickingText](),
	"panics: JSON":   saying[panickingJSON](),
	"panics: valid":  saying[panickingValid](),
	"panics: clone":  saying[panickingClone](),
	"func": saying[string](typedsecret.WithCodec(codec.Func(func(b []byte) (string, error) {
		return "", fmt.Errorf("%w at %s", strconv.ErrSyntax, b)
	}))),
	"func, panic":      saying[string](typedsecret.WithCodec(codec.Func(func(b []byte) (string, error) { panic(fmt.Errorf("at %s", b)) }))),
	"another's codec":  saying[password](typedsecret.WithCodec(anyCodec(json.Unmarshal))),
	"another's codec2": saying[password](typedsecret.WithCodec(anyCodec(xml.Unmarshal))),
	"another's codec3": saying[password](typedsecret.WithCodec(anyCodec(func(b []byte, _ any) error {
		_, err := strconv.Atoi(string(b))
		_, err2 := url.Parse(string(b) + "\x00")
		_, err3 := time.Parse(time.RFC3339, string(b))
		return errors.Join(fmt.Errorf("1: %w", err), err2, err3, &quoting{string(b)})
	}))),
}

// anyCodec is a user's codec, which wraps none of ours.
type anyCodec func(data []byte, into any) error

func (f anyCodec) Decode(data []byte, into any) error { return f(data, into) }

func saying[T any](opts ...typedsecret.Option) func(context.Context, typedsecret.Option) []any {
	return func(ctx context.Context, with typedsecret.Option) []any {
		all := append([]typedsecret.Option{with}, opts...)
		handle, byID := typedsecret.New[T]("k", all...), typedsecret.NewByID[T](all...)
		_, info, err := handle.GetWithInfo(ctx)
		_, errByID := byID.Get(ctx, "k")
		said := []any{info}
		for _, err := range []error{err, errByID} {
			if err != nil {
				said = append(said, err)
			}
		}
		return said
	}
}

// TestErrorsOfDecodingShowNoSecret tries each document with each type and codec.
func TestErrorsOfDecodingShowNoSecret(t *testing.T) {
	every, atLeast := 1, 1000
	if testing.Short() {
		every, atLeast = 3, 250
	}
	refused := 0
	for i, doc := range secretDocs {
		if i%every != 0 {
			continue
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			events := &observed.Journal{}
			source := handletest.Storing("k", strings.ReplaceAll(doc, "$S", hidden))
			with := typedsecret.WithCache(handletest.Open(t, source, cache.Config{Observer: events}))
			for name, say := range decodings {
				said := say(t.Context(), with)
				refused += len(said) - 1
				if t.Failed() {
					return
				}
				wantSilent(t, hidden, said...)
				if t.Failed() {
					t.Errorf("document %s, decoding %s", doc, name)
				}
			}
			for _, e := range observed.Of[hook.DecodeFailed](events) {
				if leak := searchForms([]string{fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e)}, hidden); leak != "" {
					t.Errorf("document %s, event: %s", doc, leak)
				}
			}
		})
	}
	if refused < atLeast {
		t.Errorf("only %d errors were seen", refused)
	}
}
