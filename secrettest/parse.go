package secrettest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parse decodes a request's body into a struct of parameters and checks them by
// their tags. A parameter is a pointer or a slice, nil when absent or null. The
// tags are:
//
//	api:"required"        the parameter must be there
//	len:"1,512"           least and greatest length, in characters or elements
//	each:"1,256"          the same for each element
//	range:"1,100"         least and greatest value
//	enum:"asc,desc"       the allowed values
//	pattern:"[0-9]+h"     a pattern that the whole value must match
//	secret:"true"         an error never quotes the value
//
// The members of a structure are checked in the same way, and so are those of the
// structures in a list. Names match exactly, case included, and unknown ones are
// ignored.
func parse(body []byte, in any) error {
	if len(body) == 0 {
		body = []byte("{}")
	}
	if !utf8.Valid(body) {
		return serialization("The request is not UTF-8.")
	}
	raw := map[string]json.RawMessage{}
	if json.Unmarshal(body, &raw) != nil || raw == nil { // null decodes without an error
		return serialization("The request is not a JSON object.")
	}
	v := reflect.ValueOf(in).Elem()
	var wrong []string
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if m, ok := raw[f.Name]; ok && json.Unmarshal(m, v.Field(i).Addr().Interface()) != nil {
			return serialization(fmt.Sprintf("The value of %s has the wrong type.", f.Name))
		}
		wrong = append(wrong, check(f, v.Field(i), "")...)
	}
	if len(wrong) > 0 {
		noun := "error"
		if len(wrong) > 1 {
			noun = "errors"
		}
		return validation(fmt.Sprintf("%d validation %s detected: %s", len(wrong), noun, strings.Join(wrong, "; ")))
	}
	return nil
}

// exactly decodes the members of an object inside a request. Their names must match exactly
// too.
func exactly(b []byte, members map[string]any) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	for name, to := range members {
		if m, ok := raw[name]; ok {
			if err := json.Unmarshal(m, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// blob is binary data in base64. Unlike encoding/json, it accepts no list of numbers, and
// no base64 in lines.
type blob []byte

func (b *blob) UnmarshalJSON(j []byte) error {
	var text *string
	if err := json.Unmarshal(j, &text); err != nil || text == nil {
		return err
	}
	if strings.ContainsAny(*text, "\r\n") {
		return errors.New("base64 in lines")
	}
	data, err := base64.StdEncoding.DecodeString(*text)
	*b = data
	return err
}

// check returns what is wrong with a parameter, in the words of the service. The path names
// the structure that has the parameter as a member.
func check(f reflect.StructField, v reflect.Value, path string) []string {
	var wrong []string
	name := path + strings.ToLower(f.Name[:1]) + f.Name[1:]
	fail := func(constraint string, args ...any) {
		wrong = append(wrong, quote(f, v, name)+" failed to satisfy constraint: "+fmt.Sprintf(constraint, args...))
	}
	if k := v.Kind(); k != reflect.Pointer && k != reflect.Slice {
		return nil // another function checks it
	}
	if v.IsNil() {
		if f.Tag.Get("api") == "required" {
			fail("Member must not be null")
		}
		return wrong
	}
	if lo, hi, ok := bounds(f.Tag.Get("len")); ok {
		if n := length(v); n > hi {
			fail("Member must have length less than or equal to %d", hi)
		} else if n < lo {
			fail("Member must have length greater than or equal to %d", lo)
		}
	}
	if lo, hi, ok := bounds(f.Tag.Get("each")); ok {
		for i := range v.Len() {
			if n := length(v.Index(i)); n < lo || n > hi {
				fail("Member must satisfy constraint: [Member must have length less than or equal to %d, Member must have length greater than or equal to %d]", hi, lo)
				break
			}
		}
	}
	if lo, hi, ok := bounds(f.Tag.Get("range")); ok {
		if n := v.Elem().Int(); n > int64(hi) {
			fail("Member must have value less than or equal to %d", hi)
		} else if n < int64(lo) {
			fail("Member must have value greater than or equal to %d", lo)
		}
	}
	if enum := f.Tag.Get("enum"); enum != "" && !oneOf(v.Elem().String(), enum) {
		fail("Member must satisfy enum value set: [%s]", strings.ReplaceAll(enum, ",", ", "))
	}
	if p := f.Tag.Get("pattern"); p != "" && !matches(p, v) {
		fail("Member must satisfy regular expression pattern: %s", p)
	}
	return append(wrong, checkMembers(v, name)...)
}

// checkMembers checks the members of a structure, or of each one in a list.
func checkMembers(v reflect.Value, name string) (wrong []string) {
	t := v.Type().Elem()
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		if v.Kind() == reflect.Pointer {
			wrong = append(wrong, check(t.Field(i), v.Elem().Field(i), name+".")...)
			continue
		}
		for n := range v.Len() {
			wrong = append(wrong, check(t.Field(i), v.Index(n).Field(i), fmt.Sprintf("%s.%d.member.", name, n+1))...)
		}
	}
	return wrong
}

// matches reports whether the whole of a string, or of each one in a list, matches.
func matches(pattern string, v reflect.Value) bool {
	whole := regexp.MustCompile("^(?:" + pattern + ")$")
	if v.Kind() == reflect.Pointer {
		return whole.MatchString(v.Elem().String())
	}
	for i := range v.Len() {
		if !whole.MatchString(v.Index(i).String()) {
			return false
		}
	}
	return true
}

func oneOf(s, list string) bool {
	for e := range strings.SplitSeq(list, ",") {
		if s == e {
			return true
		}
	}
	return false
}

// quote names a parameter and its value, unless the value is a secret.
func quote(f reflect.StructField, v reflect.Value, name string) string {
	switch {
	case f.Tag.Get("secret") != "":
		return fmt.Sprintf("Value at '%s'", name)
	case v.IsNil():
		return fmt.Sprintf("Value null at '%s'", name)
	case v.Kind() == reflect.Pointer:
		return fmt.Sprintf("Value '%v' at '%s'", v.Elem(), name)
	case v.Type().Elem().Kind() == reflect.String:
		return fmt.Sprintf("Value '[%s]' at '%s'", strings.Join(v.Interface().([]string), ", "), name)
	default:
		return fmt.Sprintf("Value at '%s'", name)
	}
}

// length returns a value's length in the unit of its limit: bytes for binary values,
// characters for strings, elements for slices.
func length(v reflect.Value) int {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() == reflect.String {
		return utf8.RuneCountInString(v.String())
	}
	return v.Len()
}

func bounds(tag string) (lo, hi int, ok bool) {
	l, h, ok := strings.Cut(tag, ",")
	if !ok {
		return 0, 0, false
	}
	lo, _ = strconv.Atoi(l)
	hi, _ = strconv.Atoi(h)
	return lo, hi, true
}

// secretIDs returns the secret IDs in a request's body, as far as it can be parsed. The log
// and the faults need them before the request is checked.
func secretIDs(op string, body []byte) []string {
	var in struct {
		SecretId     *string
		SecretIdList []string
		Name         *string
	}
	// The members before an error are decoded.
	_ = json.Unmarshal(body, &in)
	switch {
	case in.SecretId != nil:
		return []string{*in.SecretId}
	case in.Name != nil && op == "CreateSecret":
		return []string{*in.Name}
	default:
		return in.SecretIdList
	}
}

// epoch is a time in the service's JSON: a number of seconds with three decimals. omitzero
// leaves the zero value out.
type epoch struct{ t int64 } // milliseconds

func (e epoch) IsZero() bool { return e.t == 0 }

func (e epoch) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(e.t)/1000, 'f', -1, 64), nil
}
