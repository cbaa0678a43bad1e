package typedsecret

import (
	"reflect"
	"strings"
)

// reuse makes the strings of v that stand in the payload parts of it, so that a
// decoded form which is kept beside the payload takes little more memory. What v only
// refers to, by a pointer, say, is left alone: it may not be v's own.
func reuse[T any](v *T, payload string) {
	r := reuser{payload: payload}
	r.walk(reflect.ValueOf(v).Elem())
}

type reuser struct {
	payload string
	at      int // behind the last one found: the next is mostly near
}

func (r *reuser) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if !v.CanSet() {
			return // an unexported field
		}
		if s, ok := r.find(v.String()); ok {
			v.SetString(s)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			r.walk(v.Field(i))
		}
	case reflect.Array:
		if k := v.Type().Elem().Kind(); k != reflect.String && k != reflect.Struct && k != reflect.Array {
			return
		}
		for i := range v.Len() {
			r.walk(v.Index(i))
		}
	}
}

func (r *reuser) find(s string) (string, bool) {
	begin := r.at
	i := strings.Index(r.payload[begin:], s)
	if i < 0 {
		begin, i = 0, strings.Index(r.payload, s)
	}
	if i < 0 {
		return "", false
	}
	r.at = begin + i + len(s)
	return r.payload[begin+i : r.at], true
}
