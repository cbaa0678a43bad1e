package typedsecret

import (
	"reflect"
	"strings"
)

// A string of a decoded form becomes a part of the payload if that is no longer than
// reusePayload, or than reuseFactor times the string: whoever keeps the string for long
// keeps no more alive than that.
const (
	reusePayload = 4096
	reuseFactor  = 16
)

// reuse makes the strings of v that stand in the payload parts of it, so that a
// decoded form which is kept beside the payload takes little more memory: of a payload of 97
// bytes 46 less, and one of 4,096 bytes is not there twice (workload 8 of bench). What v only
// refers to, by a pointer, say, is left alone: it may not be v's own.
func reuse[T any](v *T, payload string) {
	if hasString(reflect.TypeFor[T]()) {
		r := reuser{payload: payload, budget: 8 * len(payload)}
		r.walk(reflect.ValueOf(v).Elem())
	}
}

// hasString reports whether there is a string in a value of type t that it does not
// only refer to.
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
	at      int // behind the last string found: the next is mostly near
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

// find returns the part of the payload that v, if it may be set, is to be.
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
