package redact

import (
	"net/url"
	"reflect"
	"slices"
	"strconv"
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
// of at least eight bytes, and the passwords in connection strings. It returns each as it is, and
// as it is written in URLs, quoted strings and connection strings. It leaves out plain words in
// fields such as Host or Username.
func Secrets(value any) []string {
	w := walker{found: map[string]bool{}}
	w.walk(reflect.ValueOf(value), false, 0)
	all := make([]string, 0, len(w.found))
	for s := range w.found {
		all = append(all, s)
	}
	// The longest first, since a longer one may contain a shorter one.
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

type walker struct{ found map[string]bool }

func (w *walker) walk(v reflect.Value, isOpen bool, depth int) {
	if !v.IsValid() || depth > maxDepth || len(w.found) > maxStrings {
		return
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
	if len(s) < shortest || isOpen && isPlain {
		return
	}
	quoted := strconv.Quote(s)
	for _, form := range []string{
		s, strings.TrimSpace(s), url.QueryEscape(s), url.PathEscape(s), strings.TrimPrefix(url.UserPassword("", s).String(), ":"),
		quoted[1 : len(quoted)-1], strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s),
	} {
		w.found[form] = true
	}
	if u, err := url.Parse(s); err == nil && u.User != nil {
		if password, has := u.User.Password(); has && password != s {
			w.add(password, false)
		}
	}
	// A connection string of another form: user:password@host.
	if before, _, ok := cutLast(s, "@"); ok {
		if _, password, ok := strings.Cut(before[strings.LastIndex(before, "/")+1:], ":"); ok && password != s {
			w.add(password, false)
		}
	}
	// Another: user=app password=….
	for _, pair := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ';' || r == '&' }) {
		if key, v, ok := strings.Cut(pair, "="); ok && strings.Contains("password passwd pwd", strings.ToLower(key)) && v != s {
			w.add(strings.Trim(v, `'"`), false)
		}
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
