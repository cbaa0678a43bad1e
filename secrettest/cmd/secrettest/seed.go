package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/typedsecret/typedsecret/secrettest"
)

// seed is one secret of the file.
type seed struct {
	name   string
	line   int
	text   string
	binary []byte // if not nil, instead of text
}

// readSeeds reads the file's secrets in their order. Its errors name a line, and
// a secret where they can, and quote nothing else of the file.
func readSeeds(data []byte) ([]seed, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // which some editors put there
	d := json.NewDecoder(bytes.NewReader(data))
	line := func() int { return 1 + bytes.Count(data[:d.InputOffset()], []byte("\n")) }
	fail := func(format string, args ...any) ([]seed, error) {
		return nil, fmt.Errorf("line %d: "+format, append([]any{line()}, args...)...)
	}
	// encoding/json would change what is not UTF-8.
	if n := validPrefix(data); n < len(data) {
		return nil, fmt.Errorf("line %d: the file is not UTF-8", 1+bytes.Count(data[:n], []byte("\n")))
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fail("the file must be a JSON object from names to values")
	}
	var seeds []seed
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return fail("a name in double quotes is wanted")
		}
		at := line()
		if seen[name] {
			return fail("the secret %q is there twice", name)
		}
		seen[name] = true
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fail("the value of %q is not JSON", name)
		}
		sd, err := newSeed(name, raw)
		if err != nil {
			return nil, fmt.Errorf("line %d: the secret %q: %w", at, name, err)
		}
		sd.line = at
		seeds = append(seeds, sd)
	}
	if _, err := d.Token(); err != nil {
		return fail("the object does not end here, or a comma lacks or is too much")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fail("the file goes on after its object")
	}
	return seeds, nil
}

// validPrefix returns how many bytes the data begins with that are UTF-8.
func validPrefix(data []byte) int {
	n := 0
	for n < len(data) {
		r, size := utf8.DecodeRune(data[n:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}

func newSeed(name string, raw json.RawMessage) (seed, error) {
	sd := seed{name: name}
	if json.Unmarshal(raw, &sd.text) == nil && raw[0] == '"' {
		return sd, nil
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) == nil && len(object) == 1 && object["SecretBinary"] != nil {
		var b64 string
		if json.Unmarshal(object["SecretBinary"], &b64) != nil {
			return sd, errors.New("SecretBinary must be a string")
		}
		blob, err := base64.StdEncoding.DecodeString(b64)
		if err != nil { // which would quote a byte of it
			return sd, errors.New("SecretBinary is not standard base64")
		}
		sd.binary = append([]byte{}, blob...)
		return sd, nil
	}
	if bytes.Equal(raw, []byte("null")) {
		return sd, errors.New("null is no value")
	}
	sd.text = string(raw)
	return sd, nil
}

// create makes the secret.
func (sd seed) create(s *secrettest.Server) (err error) {
	if sd.binary != nil {
		_, err = s.CreateBinary(sd.name, sd.binary)
	} else {
		_, err = s.Create(sd.name, sd.text)
	}
	return err
}
