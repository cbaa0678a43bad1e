package redaction_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wantSilent prints things in every way, also the errors that they wrap, and looks for
// pieces of the secret.
func wantSilent(t *testing.T, secret string, things ...any) {
	t.Helper()
	for _, thing := range things {
		for _, part := range unwrapped(thing) {
			if leak := searchForms(forms(part), secret); leak != "" {
				t.Errorf("%T shows the secret: %s", part, leak)
			}
		}
	}
}

// searchForms returns a form that shows at least four bytes of the secret, or "".
func searchForms(forms []string, secret string) string {
	all := strings.Join(forms, "\x00")
	for _, needle := range needles(secret) {
		if !strings.Contains(all, needle) {
			continue
		}
		for _, form := range forms {
			if strings.Contains(form, needle) {
				return fmt.Sprintf("%q in %.2000q", needle, form)
			}
		}
	}
	return ""
}

// needles returns all ways to write four bytes of a secret.
func needles(secret string) (all []string) {
	for i := 0; i+4 <= len(secret); i++ {
		piece := []byte(secret[i : i+4])
		all = append(all, string(piece),
			hex.EncodeToString(piece), fmt.Sprintf("%X", piece), fmt.Sprintf("% x", piece),
			strings.Trim(fmt.Sprintf("%d", piece), "[]"), strings.Trim(fmt.Sprintf("%#v", piece), "[]byte{}"),
			strings.ReplaceAll(strings.Trim(fmt.Sprintf("%d", piece), "[]"), " ", ","),
			strings.Trim(fmt.Sprintf("%o", piece), "[]"), strings.Trim(fmt.Sprintf("%b", piece), "[]"),
			strings.Trim(fmt.Sprintf("%U", piece), "[]"))
	}
	runes := []rune(secret)
	for i := 0; i+4 <= len(runes); i++ {
		piece := string(runes[i : i+4])
		for _, quoted := range []string{strconv.Quote(piece), strconv.QuoteToASCII(piece)} {
			all = append(all, quoted[1:len(quoted)-1])
		}
	}
	// The base64 form of four bytes depends on their place.
	for shift := range 3 {
		text := base64.RawStdEncoding.EncodeToString([]byte("\x00\x00"[:min(shift, 2)] + secret))
		for i := 3; i+6 <= len(text)-2; i++ {
			all = append(all, text[i:i+6])
		}
	}
	return all
}

var verbs = []string{
	"%v", "%+v", "%#v", "%s", "%q", "%+q", "%#q", "%x", "%X", "% x", "%#x", "%d", "%o", "%b", "%c", "%U", "%#U",
	"%e", "%g", "%t", "%T", "%p", "%-40v", "%040v", "%.3s", "%+10.2v", "%z", "%w",
}

// timeless removes the time from logs.
var timeless = &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}}

// forms returns everything that can be printed of a thing.
func forms(thing any) (all []string) {
	for _, verb := range verbs {
		all = append(all, fmt.Sprintf(verb, thing))
	}
	all = append(all, fmt.Sprint(thing), fmt.Sprintln("x", thing), fmt.Sprintf("%v", []any{thing}),
		fmt.Sprintf("%+v", map[string]any{"k": thing}), fmt.Sprintf("%#v", struct{ x any }{thing}))
	for _, marshal := range []func(any) ([]byte, error){
		json.Marshal, xml.Marshal,
		func(v any) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(v)
			return b.Bytes(), err
		},
		func(v any) ([]byte, error) {
			var b bytes.Buffer
			slog.New(slog.NewTextHandler(&b, timeless)).With("a", v).WithGroup("g").Error("x", "b", v, slog.Any("c", []any{v}))
			slog.New(slog.NewJSONHandler(&b, timeless)).With("a", v).WithGroup("g").Error("x", "b", v, slog.Any("c", []any{v}))
			return b.Bytes(), nil
		},
	} {
		all = append(all, guarded(func() string {
			b, err := marshal(thing)
			return fmt.Sprintf("%s %v", b, err)
		}))
	}
	for _, method := range []string{"String", "GoString", "Error", "MarshalText", "MarshalBinary", "MarshalJSON", "GobEncode", "LogValue"} {
		if m := reflect.ValueOf(thing).MethodByName(method); m.IsValid() && m.Type().NumIn() == 0 {
			all = append(all, guarded(func() string {
				var s strings.Builder
				for _, out := range m.Call(nil) {
					fmt.Fprintf(&s, "%s %v ", out, out)
				}
				return s.String()
			}))
		}
	}
	everything := cmp.Exporter(func(reflect.Type) bool { return true })
	for _, opts := range [][]cmp.Option{nil, {everything}} {
		all = append(all,
			guarded(func() string { return cmp.Diff(thing, nil, opts...) }),
			guarded(func() string { return cmp.Diff(thing, reflect.Zero(reflect.TypeOf(thing)).Interface(), opts...) }))
		if v := reflect.ValueOf(thing); v.Kind() == reflect.Pointer && !v.IsNil() {
			all = append(all, guarded(func() string {
				return cmp.Diff(thing, reflect.New(v.Type().Elem()).Interface(), opts...)
			}))
		}
	}
	var b strings.Builder
	exported(reflect.ValueOf(thing), &b, 0)
	return append(all, b.String())
}

// guarded returns the result of f, or the text of its panic, which may quote the secret
// too.
func guarded(f func() string) (s string) {
	defer func() {
		if r := recover(); r != nil {
			s = fmt.Sprint(r)
		}
	}()
	return f()
}

// exported writes the strings and bytes that can be reached by exported fields.
func exported(v reflect.Value, out *strings.Builder, depth int) {
	if depth > 12 || !v.IsValid() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		exported(v.Elem(), out, depth+1)
	case reflect.Struct:
		for f, value := range v.Fields() {
			if f.IsExported() {
				exported(value, out, depth+1)
			}
		}
	case reflect.Map:
		for k, value := range v.Seq2() {
			exported(k, out, depth+1)
			exported(value, out, depth+1)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(out, "%x\n", v.Interface())
			return
		}
		for i := range v.Len() {
			exported(v.Index(i), out, depth+1)
		}
	case reflect.String:
		fmt.Fprintln(out, v.String())
	}
}

// unwrapped returns a thing and, if it is an error, all that it wraps.
func unwrapped(thing any) []any {
	all := []any{thing}
	switch e := thing.(type) {
	case interface{ Unwrap() error }:
		if err := e.Unwrap(); err != nil {
			all = append(all, unwrapped(err)...)
		}
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			all = append(all, unwrapped(err)...)
		}
	}
	return all
}

// wrapped returns p in a struct, a map, an interface and other places where users put
// things.
func wrapped[T any](p *T) []any {
	type hidden struct{ v T }
	type hiddenPointer struct{ v *T }
	v := *p
	return []any{
		p, v, &p,
		[]T{v},
		[]*T{p},
		[1]T{v},
		map[string]T{"k": v},
		map[string]*T{"k": p},
		struct{ V T }{v},
		struct{ V *T }{p},
		&struct{ V T }{v},
		hidden{v},
		&hidden{v},
		hiddenPointer{p},
		&hiddenPointer{p},
		[]hidden{{v}},
		struct{ Deep hiddenPointer }{hiddenPointer{p}},
		struct{ V any }{v},
		struct{ V any }{p},
		map[string]any{"k": []any{v, p}},
		func() T { return v },
	}
}

// TestLeaksAreFound checks that the search finds a secret in each way of writing.
func TestLeaksAreFound(t *testing.T) {
	const secret = "Gk8!zQw\"vé-Xj7$Hy"
	type bytesIn struct{ B []byte }
	type hidden struct{ s string }
	for name, thing := range map[string]any{
		"text": secret, "part": "at " + secret[4:9], "bytes": []byte(secret), "bytes in a struct": bytesIn{[]byte(secret)},
		"hidden": hidden{secret}, "behind pointers": &struct{ p *hidden }{&hidden{secret}},
		"error": fmt.Errorf("outer: %w", fmt.Errorf("%s", secret)), "json": json.RawMessage(strconv.Quote(secret)),
		"hex": hex.EncodeToString([]byte(secret)), "base64": "xy" + base64.StdEncoding.EncodeToString([]byte("a"+secret)),
		"quoted": strconv.QuoteToASCII(secret), "map": map[string]string{secret: ""},
	} {
		if searchForms(forms(thing), secret) == "" {
			t.Errorf("%s: not found", name)
		}
	}
}
