package redact

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// shortest is the least length of what is taken for a secret in a text. Shorter strings, such
// as a port or an engine's name, are parts of ordinary words.
const shortest = 8

// open are the names of fields whose strings say where a service is and as whom to log in.
// A person who mends a failure needs them.
var open = []string{
	"host", "hostname", "address", "addr", "port", "user", "username", "database", "dbname", "dbclusteridentifier",
	"dbinstanceidentifier", "engine", "masterarn", "region",
}

// maxDepth and maxStrings bound the walk through a value, which may be a cycle.
const (
	maxDepth   = 16
	maxStrings = 1000
)

// Secrets returns the parts of a value that must not be in a text: its strings and byte slices
// of at least eight bytes, the passwords in connection strings, and the members of strings that
// are JSON objects. It returns each as it is, and as it is written in URLs, JSON, quoted strings
// and connection strings. It leaves out plain words in fields such as Host or Username.
func Secrets(value any) []string {
	w := walker{found: map[string]bool{}}
	if v := reflect.ValueOf(value); v.IsValid() {
		// Of a copy that has an address, unexported fields can be asked to reveal themselves.
		own := reflect.New(v.Type()).Elem()
		own.Set(v)
		w.walk(own, false, 0)
	}
	written := map[string]bool{}
	for s := range w.found {
		for _, form := range forms(s) {
			written[form] = true
		}
	}
	all := slices.Collect(maps.Keys(written))
	// The longest first, since a longer one may contain a shorter one.
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

type walker struct{ found map[string]bool }

func (w *walker) walk(v reflect.Value, isOpen bool, depth int) {
	if !v.IsValid() || depth > maxDepth || len(w.found) > maxStrings {
		return
	}
	if !v.CanInterface() && v.CanAddr() {
		v = reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
	}
	if v.CanInterface() {
		if hidden, ok := v.Interface().(interface{ Reveal() string }); ok && (v.Kind() != reflect.Pointer || !v.IsNil()) {
			w.add(hidden.Reveal(), false)
			return
		}
	}
	switch v.Kind() {
	case reflect.String:
		w.add(v.String(), isOpen)
	case reflect.Pointer, reflect.Interface:
		w.walk(v.Elem(), isOpen, depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			w.walk(v.Field(i), isOpenField(v.Type().Field(i)), depth+1)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			w.walk(it.Value(), it.Key().Kind() == reflect.String && isOpenName(it.Key().String()), depth+1)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, v.Len())
			for i := range b {
				b[i] = byte(v.Index(i).Uint()) // also of an unexported field
			}
			w.add(string(b), isOpen)
			return
		}
		for i := range v.Len() {
			w.walk(v.Index(i), isOpen, depth+1)
		}
	}
}

func isOpenField(f reflect.StructField) bool {
	key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return isOpenName(f.Name) || isOpenName(key)
}

func isOpenName(name string) bool {
	return slices.Contains(open, strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name)))
}

// add adds s, unless it is a plain word in an open field.
func (w *walker) add(s string, isOpen bool) {
	isPlain := !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r))
	})
	if len(s) < shortest || isOpen && isPlain || w.found[s] {
		return
	}
	w.found[s] = true
	for _, password := range passwords(s) {
		w.add(password, false)
	}
	var members any
	if strings.HasPrefix(strings.TrimSpace(s), "{") && json.Unmarshal([]byte(s), &members) == nil {
		w.walk(reflect.ValueOf(members), false, 0)
	}
}
