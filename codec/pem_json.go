package codec

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// A pemText is PEM text. If the text is from a JSON object, key is the name of its member
// there.
type pemText struct {
	key  string
	text []byte
}

// decodePEM decodes fields and elements of the types of [PEM].
func decodePEM(d *decoder, v reflect.Value) {
	d.quoted = false
	at, before := d.pos, d.found()
	var e *Error
	switch c := d.peek(); {
	case c == '"':
		text := d.text()
		if v.Type() == ed25519Type && setEd25519(v, text) {
			return
		}
		e = decodeTexts([]pemText{{"", text}}, v)
	case c == '{':
		texts, err := pemFromJSON(d.skip())
		if e, _ = errors.AsType[*Error](err); e == nil {
			e = decodeTexts(texts, v)
		}
	case c == '[' && (v.Type() == certsType || v.Type() == poolType):
		e = decodeTexts(d.pemArray(), v)
	default:
		d.wrongKind("a string of PEM text")
	}
	// If a duplicate key or an element that is no string is recorded already, the rest may be
	// refused only because of it.
	if e != nil && d.found() == before {
		e.Path, e.Offset, e.Type = join(d.pathString(""), e.Path), int64(at), ""
		d.record(e)
	}
}

var (
	ed25519Type = reflect.TypeFor[ed25519.PrivateKey]()
	certsType   = reflect.TypeFor[[]*x509.Certificate]()
	poolType    = reflect.TypeFor[*x509.CertPool]()
)

// byPointer are the types that PEM decodes only by pointer.
var byPointer = map[reflect.Type]bool{
	reflect.TypeFor[x509.Certificate](): true,
	reflect.TypeFor[x509.CertPool]():    true,
	reflect.TypeFor[rsa.PrivateKey]():   true,
	reflect.TypeFor[ecdsa.PrivateKey](): true,
}

// pemArray reads an array of strings with PEM text.
func (d *decoder) pemArray() (texts []pemText) {
	d.pos++
	for first, i := true, 0; d.next(first, ']'); first, i = false, i+1 {
		d.push(nil, i)
		if d.peek() == '"' {
			texts = append(texts, pemText{fmt.Sprintf("[%d]", i), d.text()})
		} else {
			d.wrongKind("a string of PEM text")
		}
		d.pop()
	}
	return texts
}

// setEd25519 accepts the base64 of an Ed25519 key, as encoding/json encodes it: the seed
// and its public key.
func setEd25519(v reflect.Value, text []byte) bool {
	key, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil || len(key) != ed25519.PrivateKeySize || !bytes.Equal(key, ed25519.NewKeyFromSeed(key[:ed25519.SeedSize])) {
		return false
	}
	v.SetBytes(key)
	return true
}

// decodeTexts decodes PEM texts into v, which has a type of pemTypes.
func decodeTexts(texts []pemText, v reflect.Value) *Error {
	var b bundle
	for _, t := range texts {
		if e := b.read(t.text); e != nil {
			if t.key != "" {
				e.Path, e.Offset = t.key, -1 // the offset is one within the string
			}
			return e
		}
	}
	return b.store(v.Addr().Interface())
}

// pemFromJSON finds the PEM texts in a JSON object.
func pemFromJSON(data []byte) ([]pemText, error) {
	var o map[string]json.RawMessage
	if err := (JSON{}).Decode(data, &o); err != nil {
		return nil, err
	}
	var texts []pemText
	for _, names := range [][]string{
		{"certificate", "cert", "tls.crt"},
		{"certificateChain", "certificate_chain", "chain"},
		{"privateKey", "private_key", "key", "tls.key"},
	} {
		found, isChain := "", names[0] == "certificateChain"
		for _, name := range names {
			value, ok := o[name]
			if !ok {
				continue
			}
			if found != "" {
				return nil, &Error{
					Path: name, Offset: -1, Kind: ErrDuplicateKey,
					Reason: fmt.Sprintf("%q is there too and means the same", found),
				}
			}
			found = name
			var text string
			if isChain && string(value) == "null" {
				value = json.RawMessage(`""`)
			}
			if (JSON{}).Decode(value, &text) != nil {
				return nil, &Error{Path: name, Offset: -1, Kind: ErrWrongKind, Reason: "a string with PEM text in it is wanted"}
			}
			if isChain && strings.TrimSpace(text) == "" {
				continue // without a chain, a root signed the leaf
			}
			texts = append(texts, pemText{name, []byte(text)})
		}
	}
	if texts == nil {
		return nil, &Error{
			Offset: -1, Kind: ErrMissingKey,
			Reason: `the JSON object has neither "certificate" nor "privateKey" nor another key for PEM text`,
		}
	}
	return texts, nil
}
