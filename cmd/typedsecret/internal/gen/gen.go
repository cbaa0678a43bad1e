// Package gen writes the Go type for a secret that exists: its keys and the kinds of its values,
// and no value.
package gen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"go/token"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Struct returns the declarations of a type and a handle for the secret id. A string whose key
// says that it is secret, such as password or api_key, becomes a codec.Redacted.
func Struct(id string, data []byte) (string, error) {
	name := typeName(id)
	variable := lowerFirst(name)
	declare := func(typ string) string {
		return fmt.Sprintf("var %s = typedsecret.New[%s](%q)\n", variable, typ, id)
	}
	if typ := whole(data); typ != "" {
		return declare(typ), nil
	}
	v, err := read(data)
	if err != nil {
		// The text of a JSON error may quote the secret.
		return "", errors.New("the secret begins like JSON and is none")
	}
	text := declare(v.goType(false))
	if v.kind == object {
		text = fmt.Sprintf("// %s is the secret %s.\ntype %s %s\n\n%s", name, id, name, v.goType(false), declare(name))
	}
	pretty, err := format.Source([]byte(text))
	if err != nil {
		return "", fmt.Errorf("the keys of the secret make no Go struct: %s", name)
	}
	return string(pretty), nil
}

// whole returns the type of a secret that is no JSON, or "".
func whole(data []byte) string {
	hasKey, hasCert := bytes.Contains(data, []byte("PRIVATE KEY-----")), bytes.Contains(data, []byte("-----BEGIN CERTIFICATE-----"))
	text := bytes.TrimSpace(data)
	isJSON := len(text) > 0 && (text[0] == '{' || text[0] == '[')
	switch {
	case isJSON:
		return ""
	case hasKey && hasCert:
		return "tls.Certificate"
	case hasCert:
		return "[]*x509.Certificate"
	case hasKey:
		return "crypto.Signer"
	case !utf8.Valid(data):
		return "[]byte"
	}
	return "string"
}

type kind int

const (
	null kind = iota
	text
	boolean
	integer
	number
	big
	object
	array
	mixed
)

// A value is the kind of a JSON value, with the keys and elements inside.
type value struct {
	kind    kind
	members []member // of an object, in the order of the secret
	elem    *value   // of an array; nil if it is empty
}

type member struct {
	key      string
	value    *value
	optional bool
}

// read reads the kinds of a document.
func read(data []byte) (*value, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := readValue(dec)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more behind the value")
	}
	return v, nil
}

func readValue(dec *json.Decoder) (*value, error) {
	next, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch next := next.(type) {
	case json.Delim:
		if next == '{' {
			return readObject(dec)
		}
		v := &value{kind: array}
		for dec.More() {
			elem, err := readValue(dec)
			if err != nil {
				return nil, err
			}
			v.elem = merge(v.elem, elem)
		}
		_, err := dec.Token()
		return v, err
	case string:
		return &value{kind: text}, nil
	case bool:
		return &value{kind: boolean}, nil
	case json.Number:
		return &value{kind: kindOfNumber(string(next))}, nil
	}
	return &value{kind: null}, nil
}

func readObject(dec *json.Decoder) (*value, error) {
	v := &value{kind: object}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		inner, err := readValue(dec)
		if err != nil {
			return nil, err
		}
		v.members = append(v.members, member{key: key.(string), value: inner})
	}
	_, err := dec.Token()
	return v, err
}

func kindOfNumber(text string) kind {
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return integer
	}
	if !strings.ContainsAny(text, ".eE") {
		return big
	}
	return number
}

// merge returns the kind that takes both values.
func merge(a, b *value) *value {
	switch {
	case a == nil:
		return b
	case a.kind == integer && b.kind == number, a.kind == number && b.kind == integer:
		return &value{kind: number}
	case a.kind != b.kind:
		return &value{kind: mixed}
	case a.kind == array && a.elem != nil && b.elem != nil:
		return &value{kind: array, elem: merge(a.elem, b.elem)}
	case a.kind == array && a.elem == nil:
		return b
	case a.kind != object:
		return a
	}
	all := &value{kind: object}
	for _, m := range a.members {
		at := slices.IndexFunc(b.members, func(o member) bool { return o.key == m.key })
		if at < 0 {
			m.optional = true
		} else {
			m.value, m.optional = merge(m.value, b.members[at].value), m.optional || b.members[at].optional
		}
		all.members = append(all.members, m)
	}
	for _, m := range b.members {
		if !slices.ContainsFunc(a.members, func(o member) bool { return o.key == m.key }) {
			m.optional = true
			all.members = append(all.members, m)
		}
	}
	return all
}

// goType returns the Go type of a value. isSecret says that its key names a secret.
func (v *value) goType(isSecret bool) string {
	switch v.kind {
	case text:
		if isSecret {
			return "codec.Redacted"
		}
		return "string"
	case boolean:
		return "bool"
	case integer:
		return "int64"
	case number:
		return "float64"
	case big:
		return "json.Number"
	case array:
		if v.elem == nil {
			return "[]json.RawMessage"
		}
		return "[]" + v.elem.goType(isSecret)
	case object:
		return v.structType()
	}
	return "json.RawMessage"
}

func (v *value) structType() string {
	for _, m := range v.members {
		if !isTag(m.key) {
			return "map[string]json.RawMessage"
		}
	}
	var b strings.Builder
	b.WriteString("struct {\n")
	names := map[string]bool{}
	for _, m := range v.members {
		name := goName(m.key)
		for n := 2; names[name]; n++ {
			name = goName(m.key) + strconv.Itoa(n)
		}
		names[name] = true
		tag := m.key
		if tag == "-" {
			tag = "-,"
		}
		if m.optional {
			tag += ",omitempty"
		}
		fmt.Fprintf(&b, "\t%s %s `json:%q`", name, m.value.goType(isSecret(m.key)), tag)
		if m.value.kind == null {
			b.WriteString(" // null in the secret")
		}
		b.WriteByte('\n')
	}
	b.WriteString("}")
	return b.String()
}

// isTag reports whether a key can be the name in a json tag.
func isTag(key string) bool {
	return key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r)
	})
}

// words splits a key at what is no letter or digit, and at the humps of camel case.
func words(key string) (all []string) {
	var word []rune
	flush := func() {
		if len(word) > 0 {
			all = append(all, string(word))
			word = nil
		}
	}
	runes := []rune(key)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			continue
		case unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			flush()
		}
		word = append(word, unicode.ToLower(r))
	}
	flush()
	return all
}

var initialisms = []string{"api", "arn", "aws", "ca", "db", "dns", "dsn", "http", "https", "id", "ip", "jwt", "kms", "ssh", "ssl", "sql", "tls", "uri", "url", "uuid"}

// goName returns an exported name for a key.
func goName(key string) string {
	var b strings.Builder
	for _, w := range words(key) {
		if slices.Contains(initialisms, w) {
			b.WriteString(strings.ToUpper(w))
			continue
		}
		r, size := utf8.DecodeRuneInString(w)
		b.WriteString(string(unicode.ToUpper(r)) + w[size:])
	}
	if name := b.String(); name != "" && unicode.IsUpper([]rune(name)[0]) {
		return name
	}
	return "Key" + b.String()
}

// isSecret reports whether a key names something that must not be shown.
func isSecret(key string) bool {
	list := words(key)
	secret := []string{"password", "passwd", "pwd", "passphrase", "pass", "secret", "token", "key", "apikey", "credential", "credentials", "private", "pin"}
	harmless := []string{"id", "arn", "name", "url", "type", "version"}
	return len(list) > 0 && !slices.Contains(harmless, list[len(list)-1]) &&
		slices.ContainsFunc(list, func(w string) bool { return slices.Contains(secret, w) })
}

// typeName returns a name for the type of a secret: that of the last part of its ID.
func typeName(id string) string {
	if parts := strings.Split(id, ":"); strings.HasPrefix(id, "arn:") && len(parts) >= 7 {
		id = strings.Join(parts[6:], ":")
		if n := len(id); n > 7 && id[n-7] == '-' {
			id = id[:n-7]
		}
	}
	id = strings.TrimRight(id, "/")
	return goName(id[strings.LastIndexByte(id, '/')+1:])
}

// lowerFirst returns the name of a variable that holds a handle on the type.
func lowerFirst(name string) string {
	end := 0
	for end < len(name) && name[end] >= 'A' && name[end] <= 'Z' {
		end++
	}
	if end > 1 && end < len(name) {
		end-- // APIKey: apiKey
	}
	lower := strings.ToLower(name[:max(end, 1)]) + name[max(end, 1):]
	if token.IsKeyword(lower) || slices.Contains([]string{"string", "codec", "crypto", "json", "tls", "typedsecret", "x509"}, lower) {
		return lower + "Secret"
	}
	return lower
}
