package typedsecret

import (
	"reflect"
	"strings"
)

// A string of a decoded value becomes a part of the payload only if the payload is no
// longer than reusePayload, or than reuseFactor times the string. A program that keeps the
// string for long keeps the payload in memory too.
const (
	reusePayload = 4096
	reuseFactor  = 16
)

// reuse makes the strings of v that stand in the payload parts of it, so that a
// decoded form which is kept beside the payload takes little more memory: of a payload of 97
// bytes 46 less, and one of 4,096 bytes is not there twice (workload 8 of bench). Strings
// that v only refers to, by a pointer say, are left alone: they may not belong to v.
func reuse[T any](v *T, payload string) {
	if hasString(reflect.TypeFor[T]()) {
		r := reuser{payload: payload, budget: 8 * len(payload)}
		r.walk(reflect.ValueOf(v).Elem())
	}
}

// hasString reports whether a value of type t contains a string, and does not only refer to
// one.
func hasString(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String:
		return true
	case reflect.Array:
		return hasString(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasString(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

type reuser struct {
	payload string
	at      int // the end of the last string found, since the next one is mostly near
	budget  int // how many bytes of the payload may still be searched
}

func (r *reuser) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if s, ok := r.find(v); ok {
			v.SetString(s)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); hasString(f.Type()) {
				r.walk(f)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			r.walk(v.Index(i))
		}
	}
}

// find returns the part of the payload that equals the string v, if v can be set.
func (r *reuser) find(v reflect.Value) (string, bool) {
	s := v.String()
	if !v.CanSet() || s == "" || len(r.payload) > max(reusePayload, reuseFactor*len(s)) {
		return "", false
	}
	for _, begin := range [...]int{r.at, 0} {
		if r.budget <= 0 {
			return "", false
		}
		rest := r.payload[begin:]
		i := strings.Index(rest, s)
		if i >= 0 {
			r.budget -= i
			r.at = begin + i + len(s)
			return rest[i : i+len(s)], true
		}
		r.budget -= len(rest)
	}
	return "", false
}
