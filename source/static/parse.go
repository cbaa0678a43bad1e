package static

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/typedsecret/typedsecret/internal/local"
)

// errSyntax says where; encoding/json's errors quote what they met.
func errSyntax(data []byte, at int64, what string) error {
	at = min(max(at, 0), int64(len(data)))
	return fmt.Errorf("line %d: %s", 1+bytes.Count(data[:at], []byte("\n")), what)
}

func parseJSON(data []byte) (map[string]string, error) {
	if at, what := local.Replaced(data); what != "" {
		return nil, errSyntax(data, int64(at), "this is "+what)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	wrong := func(what string) (map[string]string, error) { return nil, errSyntax(data, dec.InputOffset(), what) }
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return wrong("the file must hold a JSON object of secrets by their IDs")
	}
	secrets := map[string]string{}
	for dec.More() {
		t, err := dec.Token()
		id, isString := t.(string)
		if err != nil || !isString {
			return wrong("this is not JSON; a secret's ID in quotes is expected")
		}
		if _, twice := secrets[id]; twice {
			return wrong(fmt.Sprintf("the secret %q is there twice", id))
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return wrong(fmt.Sprintf("the value of %q is not JSON", id))
		}
		secrets[id] = string(raw)
		if raw[0] == '"' {
			var text string
			if err := json.Unmarshal(raw, &text); err != nil {
				return wrong(fmt.Sprintf("the value of %q is not JSON", id))
			}
			secrets[id] = text
		}
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('}') {
		return wrong("the JSON object does not end, or a comma is missing")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return wrong("something follows the JSON object")
	}
	return secrets, nil
}

// parseEnv names no ID in its errors: a line of a key that was not put in quotes may look
// like one.
func parseEnv(data []byte) (map[string]string, error) {
	secrets := map[string]string{}
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "export"); ok && strings.TrimLeft(rest, " \t") != rest {
			line = rest
		}
		id, value, found := strings.Cut(line, "=")
		id = strings.TrimSpace(id)
		if !found || id == "" {
			return nil, fmt.Errorf("line %d: ID=VALUE is expected", i+1)
		}
		if _, twice := secrets[id]; twice {
			return nil, fmt.Errorf("line %d: an ID is there twice", i+1)
		}
		value, err := unquote(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("line %d: the value: %w", i+1, err)
		}
		secrets[id] = value
	}
	return secrets, nil
}

var escapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '"': '"', '\\': '\\'}

// unquote returns the value that text stands for.
func unquote(text string) (string, error) {
	if text == "" || text[0] != '\'' && text[0] != '"' {
		if strings.HasPrefix(text, "-----BEGIN") {
			return "", errors.New(`a key or certificate is expected in double quotes, its lines parted by \n`)
		}
		for i := range len(text) {
			if text[i] == '#' && (i == 0 || text[i-1] == ' ' || text[i-1] == '\t') {
				return strings.TrimSpace(text[:i]), nil
			}
		}
		return text, nil
	}
	quote := text[0]
	var value strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == quote:
			if rest := strings.TrimSpace(text[i+1:]); rest != "" && rest[0] != '#' {
				return "", errors.New("something follows the closing quote")
			}
			return value.String(), nil
		case text[i] == '\\' && quote == '"':
			i++
			if i == len(text) || escapes[text[i]] == 0 {
				return "", errors.New(`a backslash is followed by none of n, t, r, " and \; in single quotes it stands for itself`)
			}
			value.WriteByte(escapes[text[i]])
		default:
			value.WriteByte(text[i])
		}
	}
	return "", errors.New("the closing quote is missing")
}
