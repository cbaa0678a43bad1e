package codec_test

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/codec"
)

// store is a T with which many things can be wrong at once.
type store struct {
	Host    string         `json:"host"`
	Port    int            `json:"port"`
	Timeout time.Duration  `json:"timeout"`
	Own     upper          `json:"own"`
	Inner   endpoint       `json:"inner"`
	Hosts   []string       `json:"hosts"`
	Weights map[string]int `json:"weights"`
	Token   codec.Redacted `json:"token"`
}

// endpoint decodes itself by a codec of this package.
type endpoint struct {
	Name string `json:"name"`
	Port uint16 `json:"port"`
	User string `json:"user"`
}

func (e *endpoint) UnmarshalJSON(b []byte) error {
	type plain endpoint
	return fmt.Errorf("%s: %w", b, codec.JSON{Strict: true}.Decode(b, (*plain)(e)))
}

// told returns the problems of err, without their reasons.
func told(err error) (all []string) {
	e, ok := errors.AsType[*codec.Error](err)
	if !ok {
		return nil
	}
	for i, p := range append([]*codec.Error{e}, e.Also...) {
		if i > 0 || p.Kind != codec.ErrMissingKey || len(p.Missing) == 0 {
			all = append(all, fmt.Sprintf("%s %v %d", p.Path, p.Kind, p.Offset))
		}
	}
	for _, m := range e.Missing {
		all = append(all, m.Key+" missing")
	}
	return all
}

func TestOneErrorTellsAllThatIsWrong(t *testing.T) {
	doc := inputs.Replace(`{"host":$N,"port":"$S","timeout":"$S","own":"$S","inner":{"name":$N,"port":-1,"x":"$S"},` +
		`"hosts":["$S",$N,null],"weights":{"$S":"$S"},"hots":"$S","host":"$S"}`)
	err := failure[store](codec.JSON{Strict: true}, doc)
	want := []string{
		"host wrong kind of value 8", "port wrong kind of value 24", "timeout unfit value 49", "own unfit value 70",
		"inner.name wrong kind of value 93", "inner.port unfit value 93", "inner unknown key 93",
		"hosts[1] wrong kind of value 164", "hosts[2] wrong kind of value 173", "weights[*] wrong kind of value 205",
		" unknown key 221", "host duplicate key 243", "inner.user missing", "token missing",
	}
	if diff := cmp.Diff(want, told(err)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	for _, kind := range []error{codec.ErrWrongKind, codec.ErrValue, codec.ErrUnknownKey, codec.ErrDuplicateKey, codec.ErrMissingKey, errUpper} {
		if !errors.Is(err, kind) {
			t.Errorf("errors.Is does not find: %v", kind)
		}
	}
	if errors.Is(err, codec.ErrSyntax) || errors.Is(err, codec.ErrInvalid) {
		t.Error("errors.Is finds another kind")
	}
	if form := leaks(err, secretText, secretNumber); form != "" {
		t.Errorf("the secret is in: %s", form)
	}
}

// TestATextTellsEachProblemWithItsPlace, on one line.
func TestATextTellsEachProblemWithItsPlace(t *testing.T) {
	err := failure[store](codec.JSON{}, `{"host":"h","port":"1","timeout":"x","own":"A","hosts":[],"weights":{},"token":"t"}`)
	want := "codec: decoding codec_test.store: port: wrong kind of value: met a string where a number is wanted; tag the field `,string` or set JSON.Lenient to take either (offset 19)" +
		`; also timeout: unfit value: a string such as "30s" or a number of nanoseconds is wanted (offset 33)` +
		`; also missing key "inner" (field Inner)`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	e, _ := errors.AsType[*codec.Error](err)
	if want := `codec: timeout: unfit value: a string such as "30s" or a number of nanoseconds is wanted (offset 33)`; e.Also[0].Error() != want {
		t.Errorf("the second alone: %v", e.Also[0])
	}
}

// TestVeryManyProblemsAreBounded, in number and in the text.
func TestVeryManyProblemsAreBounded(t *testing.T) {
	texts := "[" + strings.Repeat(`"x",`, 9999) + `"x"]`
	for name, row := range map[string]struct {
		err  error
		more string
	}{
		"wrong kinds":     {failure[[]int](codec.JSON{}, texts), "; also more than 93 more"},
		"own decoders":    {failure[[]upper](codec.JSON{}, texts), "; also more than 93 more"},
		"times":           {failure[[]time.Time](codec.JSON{}, texts), "; also more than 93 more"},
		"a codec inside":  {failure[one[[]endpoints]](codec.JSON{}, `{"V":[`+texts+","+texts+"]}"), "; also more than 93 more"},
		"unknown keys":    {failure[struct{ A int }](codec.JSON{Strict: true}, strangers), `; also more than 93 more; also missing key "A" (field A)`},
		"exactly so many": {failure[[]int](codec.JSON{}, "["+strings.Repeat(`"x",`, 100)+`"x"]`), "; also 93 more"},
		"one too many":    {failure[[]int](codec.JSON{}, "["+strings.Repeat(`"x",`, 101)+`"x"]`), "; also more than 93 more"},
		"those told":      {failure[[]int](codec.JSON{}, "["+strings.Repeat(`"x",`, 7)+`"x"]`), "(offset 29)"},
	} {
		e, ok := errors.AsType[*codec.Error](row.err)
		if !ok || len(e.Also) > 100 || e.Cut != strings.Contains(row.more, "more than") {
			t.Errorf("%s: %d further problems, cut: %v", name, len(e.Also), e.Cut)
		}
		if text := row.err.Error(); len(text) > 3000 || !strings.HasSuffix(text, row.more) {
			t.Errorf("%s: %d bytes, end in %s", name, len(text), text[max(0, len(text)-100):])
		}
	}
}

type endpoints struct{ all []int }

func (e *endpoints) UnmarshalJSON(b []byte) error { return codec.JSON{}.Decode(b, &e.all) }

func TestAProblemThatFollowsFromAnotherIsNotTold(t *testing.T) {
	strict := codec.JSON{Strict: true}
	for name, row := range map[string]struct {
		err  error
		want []string
	}{
		"an unknown key twice":           {failure[replica](strict, `{"host":"h","x":1,"x":2}`), []string{" unknown key 12", " duplicate key 18"}},
		"a key that may be either":       {failure[bothCases](codec.JSON{Strict: true, AllowMissing: true}, `{"iD":"x"}`), []string{" unknown key 1"}},
		"a duplicate in an own decoder":  {failure[one[viaCodec]](codec.JSON{}, `{"V":{"host":1,"host":2}}`), []string{"V duplicate key 15", "V.host wrong kind of value 5"}},
		"an opaque refusal of it":        {failure[one[refusesAll]](codec.JSON{}, `{"V":{"a":1,"a":2}}`), []string{"V duplicate key 12"}},
		"an opaque refusal after it":     {failure[[]refusesAll](codec.JSON{}, `[{"a":1,"a":2},1]`), []string{"[0] duplicate key 8", "[1] unfit value 15"}},
		"a duplicate around PEM":         {failure[pemFields](codec.JSON{}, `{"Key":{"key":"x","key":"y"},"CA":"x"}`), []string{"Key duplicate key 18", "CA malformed secret 34"}},
		"an element of PEM":              {failure[pemFields](codec.JSON{}, `{"Key":"x","Chain":[1,2]}`), []string{"Key malformed secret 7", "Chain[0] wrong kind of value 20", "Chain[1] wrong kind of value 22", "CA missing"}},
		"in a value of the wrong kind":   {failure[replica](codec.JSON{}, `{"host":{"x":{"port":"1"}}}`), []string{"host wrong kind of value 8"}},
		"behind the end of the JSON":     {failure[cluster](codec.JSON{}, `{"primary":1,"replicas":2,`), []string{" malformed secret 26"}},
		"in elements behind the array's": {failure[[1]int](codec.JSON{}, `["x","y"]`), []string{"[0] wrong kind of value 1", " wrong kind of value 0"}},
	} {
		if diff := cmp.Diff(row.want, told(row.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, row.err)
		}
	}
}

type pemFields struct {
	Key   crypto.Signer
	Chain []*x509.Certificate `json:",omitempty"`
	CA    *x509.CertPool
}

type refusesAll struct{}

func (*refusesAll) UnmarshalJSON(b []byte) error { return &quoting{string(b)} }

// TestTheProblemsOfAKeyHaveItsPath. Problems that read alike are reported once.
func TestTheProblemsOfAKeyHaveItsPath(t *testing.T) {
	doc := `{"tls":{"host":1,"x":1,"y":1,"port":"a"}}`
	err := failure[dbCreds](codec.Key("tls", codec.JSON{Strict: true}), doc)
	want := []string{"tls.host wrong kind of value -1", "tls unknown key -1", "tls.port wrong kind of value -1", "tls.username missing", "tls.password missing"}
	if diff := cmp.Diff(want, told(err)); diff != "" {
		t.Errorf("(-want +got):\n%s%v", diff, err)
	}
}

// usesCodec has a Validate method that decodes a part by itself.
type usesCodec struct{ Inner json.RawMessage }

func (u usesCodec) Validate() error {
	_, err := codec.Decode[endpoint](codec.JSON{}, u.Inner)
	return err
}

func TestValidateMayReturnSeveralProblems(t *testing.T) {
	err := failure[usesCodec](codec.JSON{}, inputs.Replace(`{"Inner":{"name":$N,"port":"$S"}}`))
	for _, s := range []string{"decoding codec_test.usesCodec: name: invalid value: met a number", "; also port: wrong kind of value: met a string", `; also missing key "user"`} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%v\ndoes not say: %s", err, s)
		}
	}
	if strings.Count(err.Error(), "name: ") != 1 || !errors.Is(err, codec.ErrWrongKind) || !errors.Is(err, codec.ErrInvalid) || !errors.Is(err, codec.ErrMissingKey) {
		t.Errorf("got %v", err)
	}
	if form := leaks(err, secretText, secretNumber); form != "" {
		t.Errorf("the secret is in: %s", form)
	}
}

// wantWellFormed fails the test if the problems of err break a promise of Error's comment.
func wantWellFormed(t *testing.T, err error, doc []byte) {
	t.Helper()
	e, ok := errors.AsType[*codec.Error](err)
	if !ok || len(e.Also) > 100 || len(e.Missing) > 1000 {
		t.Fatalf("%T with too many problems: %v", err, err)
	}
	all := told(err)
	all = all[:len(all)-len(e.Missing)] // those of a map's elements have the same path
	slices.Sort(all)
	if len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("a problem of %s is told twice: %v", doc, all)
	}
	for _, p := range e.Also {
		if p.Type != "" || p.Missing != nil || p.Also != nil || p.Cut || p.Offset > int64(len(doc)) || !errors.Is(err, p.Kind) {
			t.Errorf("of %s: %#v", doc, *p)
		}
	}
}

// strictPart decodes itself strictly. Its problems of one kind read alike.
type strictPart struct{ Port int }

func (p *strictPart) UnmarshalJSON(b []byte) error {
	type plain strictPart
	return codec.JSON{Strict: true}.Decode(b, (*plain)(p))
}

// TestATextSaysThatThereIsMore, also if few of the problems that are listed read differently.
func TestATextSaysThatThereIsMore(t *testing.T) {
	doc := `{"V":` + strings.TrimSuffix(strangers, "}") + `,"Port":"x"}}`
	err := failure[one[strictPart]](codec.JSON{}, doc)
	e, _ := errors.AsType[*codec.Error](err)
	if e == nil || !e.Cut || !strings.HasSuffix(e.Error(), "; also more") {
		t.Errorf("got %v", err)
	}
}
