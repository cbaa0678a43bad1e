package gen_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/gen"
)

func TestASecretBecomesATypeAndAHandle(t *testing.T) {
	for _, tt := range []struct{ name, id, data, want string }{
		{"keys of all kinds", "prod/api-settings", `{"apiKey":"v","key_id":"v","max-size":5,"ratio":0.5,"on":true,"none":null,"big":12345678901234567890,"a.b":"v","DB URL":"v"}`, `
// APISettings is the secret prod/api-settings.
type APISettings struct {
	APIKey  codec.Redacted  ~json:"apiKey"~
	KeyID   string          ~json:"key_id"~
	MaxSize int64           ~json:"max-size"~
	Ratio   float64         ~json:"ratio"~
	On      bool            ~json:"on"~
	None    json.RawMessage ~json:"none"~ // null in the secret
	Big     json.Number     ~json:"big"~
	AB      string          ~json:"a.b"~
	DBURL   string          ~json:"DB URL"~
}

var apiSettings = typedsecret.New[APISettings]("prod/api-settings")
`},
		{"objects in a list", "list", `[{"a":"v","n":1},{"a":"v","b":true,"n":1.5},{"a":1,"n":2}]`, `
var list = typedsecret.New[[]struct {
	A json.RawMessage ~json:"a"~
	N float64         ~json:"n"~
	B bool            ~json:"b,omitempty"~
}]("list")
`},
		{"an empty list", "x", `{"tokens":[],"passwords":["v"],"mixed":[1,"v"]}`, `
// X is the secret x.
type X struct {
	Tokens    []json.RawMessage ~json:"tokens"~
	Passwords []string          ~json:"passwords"~
	Mixed     []json.RawMessage ~json:"mixed"~
}

var x = typedsecret.New[X]("x")
`},
		{"names that clash, and that are no names", "prod/", `{"a_b":"v","a-b":"v","1":"v","-":"v","é":"v"}`, `
// Prod is the secret prod/.
type Prod struct {
	AB   string ~json:"a_b"~
	AB2  string ~json:"a-b"~
	Key1 string ~json:"1"~
	Key  string ~json:"-,"~
	É    string ~json:"é"~
}

var prod = typedsecret.New[Prod]("prod/")
`},
		{"a key that no tag can have", "q", `{"quo\"ted":"v"}`, "\n// Q is the secret q.\ntype Q map[string]json.RawMessage\n\nvar q = typedsecret.New[Q](\"q\")\n"},
		{"an ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/type-AbCdEf", "v", "\nvar typeSecret = typedsecret.New[string](\"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/type-AbCdEf\")\n"},
		{"bytes", "b", "\xff\xfe", "\nvar b = typedsecret.New[[]byte](\"b\")\n"},
		{"a certificate with its key", "tls", "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n", "\nvar tlsSecret = typedsecret.New[tls.Certificate](\"tls\")\n"},
		{"a key alone", "sign", "-----BEGIN EC PRIVATE KEY-----\n", "\nvar sign = typedsecret.New[crypto.Signer](\"sign\")\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := gen.Struct(tt.id, []byte(tt.data))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(strings.TrimPrefix(tt.want, "\n"), "~", "`")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzNoValueIsWritten: whatever the secret, its values are not in the Go code.
func FuzzNoValueIsWritten(f *testing.F) {
	for _, seed := range []string{`{"a":%q,"b":[%q,{"c":%q}]}`, `[%q]`, `%s`, `{"a":%q`, `{"a":{"b":%q}, "a":1}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, form string) {
		const value = "hunter2hunter2"
		quoted, _ := json.Marshal(value)
		data := strings.NewReplacer("%q", string(quoted), "%s", value).Replace(strings.ReplaceAll(form, value, ""))
		text, err := gen.Struct("prod/db", []byte(data))
		if err != nil {
			text = err.Error()
		}
		// A value may stand in a place of a key.
		if strings.Contains(text, value) && !strings.Contains(data, string(quoted)+":") && !strings.Contains(strings.ReplaceAll(data, " ", ""), string(quoted)+":") {
			t.Errorf("%s from %s", text, data)
		}
	})
}
