package codec_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unique"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/codec"
)

var redactedRows = []decoding{
	accepts("alone", "$S\n", codec.Redact(secretText+"\n")),
	accepts("alone and empty", "", codec.Redacted{}),
	accepts("by pointer", "$S", new(codec.Redact(secretText))),
	accepts("a field", `{"V":"$S\n"}`, one[codec.Redacted]{codec.Redact(secretText + "\n")}),
	accepts("an empty field", `{"V":""}`, one[codec.Redacted]{}),
	accepts("fields of other types", `{"V":{"a":["$S"]}}`, one[map[string][]codec.Redacted]{map[string][]codec.Redacted{"a": {codec.Redact(secretText)}}}),
	accepts("a pointer that is null", `{"V":null}`, one[*codec.Redacted]{}),
	accepts("`,string` takes a number", `{"V":$N}`, quoted[codec.Redacted]{codec.Redact(secretNumber)}),
	accepts("`,string` on a pointer takes a number", `{"V":$N}`, quoted[*codec.Redacted]{new(codec.Redact(secretNumber))}),
	acceptsBy(lenient, "lenient takes a number", `{"V":$N}`, one[codec.Redacted]{codec.Redact(secretNumber)}),
	acceptsBy(trimmed, "a newline less", "$S\n", codec.Redact(secretText)),
	accepts("a key of a map", `{"$S":1}`, map[codec.Redacted]int{codec.Redact(secretText): 1}),

	refuses[one[codec.Redacted]]("missing", `{"x":"$S"}`, codec.ErrMissingKey, `"V" (field V)`),
	refuses[one[codec.Redacted]]("null", `{"V":null,"x":"$S"}`, codec.ErrMissingKey, "null"),
	refuses[one[codec.Redacted]]("a number", `{"V":$N}`, codec.ErrWrongKind, "`,string`", "JSON.Lenient"),
	refuses[one[codec.Redacted]]("an object", `{"V":{"$S":1}}`, codec.ErrWrongKind),
	refuses[one[codec.Redacted]]("what printing one leaves", `{"V":"[REDACTED]","x":"$S"}`, codec.ErrValue, "store the secret itself"),
	refuses[codec.Redacted]("what printing one leaves, alone", `[REDACTED]`, codec.ErrValue, "store the secret itself"),
	refuses[embedsRedacted]("embedded beside another field", `{"User":"$S"}`, codec.ErrUnsupported, "embeds codec.Redacted", "field User stays empty"),
}

type embedsRedacted struct {
	codec.Redacted
	User string
}

// holders returns values that hold a Redacted in every possible way.
func holders(r codec.Redacted) map[string]any {
	type exported struct{ P codec.Redacted }
	type unexported struct {
		p  codec.Redacted
		in exported
		ps []codec.Redacted
		m  map[string]codec.Redacted
		a  any
	}
	return map[string]any{
		"value": r, "pointer": &r, "pointer to a pointer": new(&r), "slice": []codec.Redacted{r}, "array": [1]codec.Redacted{r},
		"map": map[string]codec.Redacted{"a": r}, "key": map[codec.Redacted]string{r: "a"}, "any": []any{r, &r},
		"exported": exported{r}, "pointer to exported": &exported{r},
		"unexported":            unexported{r, exported{r}, []codec.Redacted{r}, map[string]codec.Redacted{"a": r}, r},
		"pointer to unexported": &unexported{r, exported{r}, []codec.Redacted{r}, map[string]codec.Redacted{"a": r}, r},
		"embedded":              embedsRedacted{r, "u"}, "error": fmt.Errorf("x: %v %s %+v", r, &r, exported{r}),
		"derived": derived(r), "struct of derived": struct{ d derived }{derived(r)},
	}
}

// derived has none of the methods.
type derived codec.Redacted

const shownNowhere = "qZ7!xK2#wP9-Vb3&tY6~uM5"

func TestNoFormShowsARedacted(t *testing.T) {
	for name, thing := range holders(codec.Redact(shownNowhere)) {
		if form := shows(thing); form != "" {
			t.Errorf("%s: %.300q", name, form)
		}
	}
}

// TestFormsThatShowAreFound: a string type with these methods would show the secret.
func TestFormsThatShowAreFound(t *testing.T) {
	for name, thing := range map[string]any{
		"a verb that is no verb":  formatted(shownNowhere),
		"an unexported field":     struct{ f formatted }{shownNowhere},
		"a pointer that is typed": struct{ u unique.Handle[string] }{unique.Make(shownNowhere)},
	} {
		if shows(thing) == "" {
			t.Errorf("%s: not found", name)
		}
	}
}

type formatted string

func (formatted) Format(f fmt.State, _ rune)   { io.WriteString(f, "[REDACTED]") }
func (formatted) MarshalText() ([]byte, error) { return []byte("[REDACTED]"), nil }
func (formatted) LogValue() slog.Value         { return slog.StringValue("[REDACTED]") }

// shows returns a form of thing that holds a piece of the secret, or "".
func shows(thing any) string {
	var all []string
	for _, verb := range "vTtbcdoOqxXUeEfFgGspw!" {
		for _, flags := range []string{"", "+", "#", " ", "0", "-", "40", ".3", "+#", "# "} {
			all = append(all, fmt.Sprintf("%"+flags+string(verb), thing))
		}
	}
	all = append(all, fmt.Sprint(thing), fmt.Sprintln(thing), cmp.Diff(thing, nil), cmp.Diff(thing, nil, values))
	for _, encode := range []func(any) ([]byte, error){json.Marshal, xml.Marshal, toGob} {
		if b, err := encode(thing); err == nil {
			all = append(all, string(b))
		} else {
			all = append(all, err.Error())
		}
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).With("a", thing).WithGroup("g").Info("x", "b", thing, "c", []any{thing})
	}
	for _, form := range append(all, log.String(), followed(thing)) {
		for _, piece := range pieces(shownNowhere) {
			if strings.Contains(form, piece) {
				return form
			}
		}
	}
	return ""
}

// pieces are four bytes of a secret as text, hexadecimal and decimal.
func pieces(secret string) (all []string) {
	for i := 0; i+4 <= len(secret); i++ {
		p := secret[i : i+4]
		all = append(all, p, fmt.Sprintf("%x", p), fmt.Sprintf("%X", p), fmt.Sprintf("% x", p),
			strings.Trim(fmt.Sprint([]byte(p)), "[]"), fmt.Sprintf("%#x", p))
	}
	return all
}

func toGob(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

// followed prints thing like the printers of test libraries, which go into unexported
// fields, follow pointers and call no methods.
func followed(thing any) string {
	var b strings.Builder
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			b.WriteString(v.String() + "\n")
		case reflect.Pointer, reflect.Interface:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i))
			}
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Map:
			for it := v.MapRange(); it.Next(); {
				walk(it.Key())
				walk(it.Value())
			}
		}
	}
	if _, isError := thing.(error); !isError {
		walk(reflect.ValueOf(thing))
	}
	return b.String()
}

// TestARedactedShowsThatThereIsOne in common forms of output.
func TestARedactedShowsThatThereIsOne(t *testing.T) {
	for _, r := range []codec.Redacted{codec.Redact("hunter2"), {}} {
		creds := struct{ P codec.Redacted }{r}
		doc, err := json.Marshal(creds)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, timeless)).Info("x", "p", r, "creds", creds)
		for got, want := range map[string]string{
			fmt.Sprintf("%v|%+v|%#v|%s|%d|%x|%q", r, r, r, r, r, r, r): `[REDACTED]|[REDACTED]|[REDACTED]|[REDACTED]|[REDACTED]|[REDACTED]|"[REDACTED]"`,
			fmt.Sprintf("%v %+v", creds, &creds):                       "{[REDACTED]} &{P:[REDACTED]}",
			string(doc):                                                `{"P":"[REDACTED]"}`,
			log.String():                                               `{"level":"INFO","msg":"x","p":"[REDACTED]","creds":{"P":"[REDACTED]"}}` + "\n",
			r.String() + r.GoString():                                  "[REDACTED][REDACTED]",
		} {
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
}

func TestRedactedsOfOneStringAreEqual(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 200 {
				s := strings.Repeat("s", i)
				a := codec.Redact(s)
				runtime.Gosched()
				b := codec.Redact(string([]byte(s)))
				if a != b || !a.Equal(b) || a.Reveal() != s || map[codec.Redacted]int{a: 1}[b] != 1 || !reflect.DeepEqual(a, b) || cmp.Diff(a, b) != "" {
					t.Errorf("%d: not equal", i)
				}
				if a == codec.Redact(s+"x") || cmp.Equal(a, codec.Redact(s+"x")) {
					t.Errorf("%d: equal to another", i)
				}
			}
		})
	}
	all.Wait()
}

// TestARedactedKeepsItsString through garbage collections, without another reference to it.
func TestARedactedKeepsItsString(t *testing.T) {
	var kept []codec.Redacted
	for i := range 2000 {
		kept = append(kept, codec.Redact(fmt.Sprintf("secret number %d", i)))
	}
	for range 5 {
		runtime.GC()
		for i := range 2000 {
			_ = codec.Redact(fmt.Sprintf("other number %d", i))
		}
	}
	for i, r := range kept {
		s := fmt.Sprintf("secret number %d", i)
		if r.Reveal() != s || r != codec.Redact(s) {
			t.Fatalf("%d: got %q", i, r.Reveal())
		}
	}
	if unsafe.Sizeof(kept[0]) != unsafe.Sizeof(uintptr(0)) {
		t.Error("a Redacted is larger than a pointer")
	}
}

func TestEncodingJSONDecodesARedacted(t *testing.T) {
	var v one[codec.Redacted]
	if err := json.Unmarshal([]byte(`{"V":"hunter2"}`), &v); err != nil || v.V.Reveal() != "hunter2" {
		t.Errorf("got %q, %v", v.V.Reveal(), err)
	}
	doc, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(doc, &v); !errors.Is(err, codec.ErrValue) {
		t.Errorf("a secret that was lost is taken: %v", err)
	}
}
