package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/typedsecret/typedsecret/internal/document"
	"github.com/typedsecret/typedsecret/secrettest"
)

// seed is one secret of the file.
type seed struct {
	name   string
	at     document.Position
	text   string
	binary []byte // if not nil, instead of text
}

// maxName bounds the length of a name, since the service's error quotes a longer one.
const maxName = 512

// readSeeds reads the file's secrets in their order. Its errors have the line and the
// column, and quote nothing of the file.
func readSeeds(data []byte) ([]seed, error) {
	members, err := document.JSON(data)
	if err != nil {
		return nil, err
	}
	var seeds []seed
	for _, m := range members {
		sd, err := newSeed(m)
		if err != nil {
			return nil, fmt.Errorf("%s: the secret here: %w", m.At, err)
		}
		seeds = append(seeds, sd)
	}
	return seeds, nil
}

func newSeed(m document.Member) (seed, error) {
	sd := seed{name: m.ID, at: m.At, text: m.Text()}
	if n := utf8.RuneCountInString(m.ID); n > maxName {
		return sd, fmt.Errorf("its name has %d characters; at most %d are allowed", n, maxName)
	}
	if bytes.Equal(m.Value, []byte("null")) {
		return sd, errors.New("null is no value")
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(m.Value, &object) != nil || len(object) != 1 || object["SecretBinary"] == nil {
		return sd, nil
	}
	var b64 string
	if json.Unmarshal(object["SecretBinary"], &b64) != nil {
		return sd, errors.New("SecretBinary must be a string")
	}
	blob, err := base64.StdEncoding.DecodeString(b64)
	if err != nil { // this error would quote a byte of the secret
		return sd, errors.New("SecretBinary is not standard base64")
	}
	sd.binary = append([]byte{}, blob...)
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
