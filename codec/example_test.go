package codec_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/codec"
)

type DBCreds struct {
	Host     string        `json:"host"`
	Port     int           `json:"port"`
	Username string        `json:"username"`
	Password string        `json:"password"`
	Timeout  time.Duration `json:"timeout,omitempty"`
}

func ExampleDecode() {
	secret := []byte(`{"engine":"postgres","host":"db","port":5432,"username":"app","password":"pw","timeout":"3s"}`)
	creds, err := codec.Decode[DBCreds](codec.For[DBCreds](), secret)
	fmt.Println(creds.Username, creds.Port, creds.Timeout, err)
	// Output: app 5432 3s <nil>
}

// One error reports all problems of a secret.
func ExampleError_also() {
	secret := []byte(`{"host":["db"],"port":"5432","username":"app","timeout":"3"}`)
	_, err := codec.Decode[DBCreds](codec.JSON{}, secret)
	if e, ok := errors.AsType[*codec.Error](err); ok {
		fmt.Println(e.Path, "-", e.Kind)
		for _, p := range e.Also {
			fmt.Println(p.Path, "-", p.Kind)
		}
		for _, m := range e.Missing {
			fmt.Println(m.Key, "-", codec.ErrMissingKey)
		}
	}
	fmt.Println(errors.Is(err, codec.ErrValue))
	// Output:
	// host - wrong kind of value
	// port - wrong kind of value
	// timeout - unfit value
	// password - missing key
	// true
}

// A secret that lacks a key is refused, and the error names all that is missing.
func ExampleError() {
	secret := []byte(`{"host":"db","Port":5432,"password":null}`)
	_, err := codec.Decode[DBCreds](codec.JSON{}, secret)
	if errors.Is(err, codec.ErrMissingKey) {
		e, _ := errors.AsType[*codec.Error](err)
		for _, m := range e.Missing { // each a codec.MissingKey
			fmt.Println(m)
		}
	}
	// Output:
	// "password" (field Password, null in the secret)
	// "port" (field Port, the secret has "Port" and case counts)
	// "username" (field Username)
}

// A test can look at a type without a secret.
func ExampleCheck() {
	type Token struct {
		time.Time // its UnmarshalText would decode the whole Token
		Value     string
	}
	fmt.Println(codec.Check[Token](codec.For[Token]()))
	fmt.Println(codec.Check[DBCreds](codec.For[DBCreds]()))
	// Output:
	// codec: decoding codec_test.Token: unsupported type: codec_test.Token embeds time.Time, whose UnmarshalText method is promoted and decodes the whole of codec_test.Token, so that the field Value stays empty; give Time a field name, or give codec_test.Token an UnmarshalText method of its own
	// <nil>
}

// Some tools store a port as a number, some as a string.
func ExampleJSON() {
	type Endpoint struct{ Port int }
	secret := []byte(`{"Port":"5432"}`)

	_, err := codec.Decode[Endpoint](codec.JSON{}, secret)
	fmt.Println(err)

	e, err := codec.Decode[Endpoint](codec.JSON{Lenient: true}, secret)
	fmt.Println(e.Port, err)

	type Tagged struct {
		Port int `json:",string"`
	}
	t, err := codec.Decode[Tagged](codec.JSON{}, secret)
	fmt.Println(t.Port, err)
	// Output:
	// codec: decoding codec_test.Endpoint: Port: wrong kind of value: met a string where a number is wanted; tag the field `,string` or set JSON.Lenient to take either (offset 8)
	// 5432 <nil>
	// 5432 <nil>
}

func ExampleJSON_strict() {
	_, err := codec.Decode[struct{ Token string }](codec.JSON{Strict: true}, []byte(`{"Token":"t","token2":"u"}`))
	fmt.Println(errors.Is(err, codec.ErrUnknownKey))
	// Output: true
}

// Options is a type of another package without tags. The secret may lack its keys.
type Options struct {
	Host string
	Port int
	Dial func() error
}

func ExampleJSON_allowMissing() {
	o, err := codec.Decode[Options](codec.JSON{AllowMissing: true}, []byte(`{"host":"db"}`))
	fmt.Printf("%q %d %v\n", o.Host, o.Port, err)
	// Output: "db" 0 <nil>
}

type Pair struct{ User, Password string }

func ExampleFunc() {
	colon := codec.Func(func(secret []byte) (Pair, error) {
		user, password, ok := bytes.Cut(secret, []byte(":"))
		if !ok {
			return Pair{}, errors.New("no colon in " + string(secret))
		}
		return Pair{string(user), string(password)}, nil
	})

	p, err := codec.Decode[Pair](colon, []byte("app:pw"))
	fmt.Println(p.User, err)

	_, err = codec.Decode[Pair](colon, []byte("hunter2"))
	fmt.Println(err)
	// Output:
	// app <nil>
	// codec: decoding codec_test.Pair: unfit value: the codec's function refused the value
}

type DSN struct{ *url.URL }

func ExampleRegister() {
	codec.Register[DSN](codec.Func(func(secret []byte) (DSN, error) {
		u, err := url.Parse(strings.TrimSpace(string(secret)))
		return DSN{u}, err
	}))

	dsn, err := codec.Decode[DSN](codec.For[DSN](), []byte("postgres://app:pw@db:5432/orders\n"))
	fmt.Println(dsn.Host, err)
	// Output: db:5432 <nil>
}

func ExampleFor() {
	fmt.Printf("%T\n", codec.For[DBCreds]())
	fmt.Printf("%T\n", codec.For[string]())
	fmt.Printf("%T\n", codec.For[[]byte]())
	fmt.Printf("%T\n", codec.For[tls.Certificate]())
	fmt.Printf("%T\n", codec.For[time.Time]())
	// Output:
	// codec.JSON
	// codec.Text
	// codec.Bytes
	// codec.PEM
	// codec.Text
}

func ExampleText() {
	token, err := codec.Decode[string](codec.Text{}, []byte("ghp_x"))
	fmt.Println(token, err)
	// Output: ghp_x <nil>
}

// Editors and echo end a file with a newline, which no token has.
func ExampleText_trimNewline() {
	token, err := codec.Decode[string](codec.Text{TrimNewline: true}, []byte("ghp_x\n"))
	fmt.Printf("%q %v\n", token, err)
	// Output: "ghp_x" <nil>
}

func ExampleBytes() {
	key, err := codec.Decode[[]byte](codec.Bytes{}, []byte{1, 2, 3})
	fmt.Println(key, err)
	// Output: [1 2 3] <nil>
}

func ExamplePEM() {
	secret := newBundle() // a certificate, its chain and its key, in PEM or in JSON

	cert, err := codec.Decode[tls.Certificate](codec.PEM{}, secret)
	fmt.Println(len(cert.Certificate), cert.PrivateKey != nil, err)
	// Output: 2 true <nil>
}

func newBundle() []byte {
	p := newPKI()
	return []byte(object("certificate", p.leafPEM, "certificateChain", p.caPEM, "privateKey", p.keyPKCS8))
}

// APIKey checks itself. Its reason is shown, since it is made by codec.Invalid.
type APIKey string

func (k APIKey) Validate() error {
	if len(k) < 20 {
		return codec.Invalid("an API key has at least 20 characters")
	}
	return nil
}

func ExampleRedacted() {
	type Creds struct {
		Username string         `json:"username"`
		Password codec.Redacted `json:"password"`
	}
	creds, err := codec.Decode[Creds](codec.JSON{}, []byte(`{"username":"app","password":"hunter2"}`))
	fmt.Printf("%+v %v\n", creds, err)
	fmt.Println(len(creds.Password.Reveal()), creds.Password == codec.Redact("hunter2"))
	// Output:
	// {Username:app Password:[REDACTED]} <nil>
	// 7 true
}

func ExampleInvalid() {
	err := codec.Validate(APIKey("changeme"))
	fmt.Println(err)
	// Output: codec: decoding codec_test.APIKey: invalid value: an API key has at least 20 characters
}

func ExampleValidator() {
	_, err := codec.Decode[APIKey](codec.For[APIKey](), []byte("changeme"))
	fmt.Println(err)
	// Output: codec: decoding codec_test.APIKey: invalid value: an API key has at least 20 characters
}

// The program reads one key of a secret that other programs read as a whole.
func ExampleKey() {
	secret := []byte(`{"username":"app","password":"pa55word"}`)
	password, err := codec.Decode[string](codec.Key("password", codec.Text{}), secret)
	fmt.Println(len(password), err)
	_, err = codec.Decode[string](codec.Key("Password", codec.Text{}), secret)
	fmt.Println(err)
	// Output:
	// 8 <nil>
	// codec: decoding string: missing key "Password" (field of WithKey, the secret has "password" and case counts)
}

// A pattern is a user's codec. It declares that its values are never modified, and which
// types it decodes.
type pattern struct{}

func (pattern) Decode(data []byte, into any) error {
	re, err := regexp.Compile(string(data))
	if err != nil {
		return &codec.Error{Reason: "it is no regular expression"}
	}
	*into.(**regexp.Regexp) = re
	return nil
}

func (pattern) Shared() bool { return true }

func (pattern) CheckType(t reflect.Type) error {
	if t != reflect.TypeFor[*regexp.Regexp]() {
		return &codec.Error{Reason: "it decodes into a *regexp.Regexp alone"}
	}
	return nil
}

func ExampleSharer() {
	var c codec.Sharer = pattern{}
	re, err := codec.Decode[*regexp.Regexp](c, []byte("^prod/"))
	fmt.Println(re, c.Shared(), err)
	// Output: ^prod/ true <nil>
}

func ExampleChecker() {
	var c codec.Checker = pattern{}
	fmt.Println(codec.Check[*regexp.Regexp](c))
	fmt.Println(codec.Check[string](c) != nil)
	// Output:
	// <nil>
	// true
}

// Decode validates by itself. A user's codec may validate a part of a value.
func ExampleValidate() {
	fmt.Println(codec.Validate(APIKey("changeme")) != nil)
	fmt.Println(codec.Validate("a string has no Validate method"))
	// Output:
	// true
	// <nil>
}
