// Package readings has handles for the tests of package schema.
package readings

import (
	"crypto/tls"
	"encoding/json"
	"net/url"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/codec"
)

type host struct {
	Host string `json:"host"`
}

type creds struct {
	Username string          `json:"username"`
	Password codec.Redacted  `json:"password"`
	Port     int             `json:"port,omitempty"`
	Replicas []host          `json:"replicas"`
	Extra    json.RawMessage `json:"extra"`
}

type registered struct{ A string }

func init() { codec.Register[registered](codec.JSON{Lenient: true}) }

var custom = codec.Func(func([]byte) (host, error) { return host{}, nil })

// All are the handles.
var All = []typedsecret.Handle{
	typedsecret.New[creds]("creds"),
	typedsecret.New[string]("text"),
	typedsecret.New[string]("key", typedsecret.WithKey("token")),
	typedsecret.New[host]("object-key", typedsecret.WithKey("db")),
	typedsecret.New[host]("lenient", typedsecret.WithCodec(codec.JSON{Lenient: true})),
	typedsecret.New[host]("missing", typedsecret.WithCodec(&codec.JSON{Strict: true, AllowMissing: true})),
	typedsecret.New[host]("variable", typedsecret.WithCodec(custom)),
	typedsecret.New[registered]("registered"),
	typedsecret.New[tls.Certificate]("pem"),
	typedsecret.New[*url.URL]("url"),
	typedsecret.New[[]byte]("bytes"),
	typedsecret.New[string]("trimmed", typedsecret.WithCodec(codec.Text{TrimNewline: true})),
}
