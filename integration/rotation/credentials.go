package rotation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// credentials are the content of a version.
type credentials struct {
	username, password string
	object             map[string]json.RawMessage // the whole object; never changed
}

// parse reads a version's text. Unlike those of encoding/json, its errors don't quote the
// text.
func parse(text string) (credentials, error) {
	var c credentials
	if json.Unmarshal([]byte(text), &c.object) != nil {
		return credentials{}, errors.New("the value is not a JSON object")
	}
	for key, field := range map[string]*string{"username": &c.username, "password": &c.password} {
		if json.Unmarshal(c.object[key], field) != nil || *field == "" {
			return credentials{}, fmt.Errorf("the value has no text under %q", key)
		}
	}
	return c, nil
}

// with returns a copy with another user and password.
func (c credentials) with(username, password string) credentials {
	object := maps.Clone(c.object)
	object["username"], object["password"] = encode(username), encode(password)
	return credentials{username, password, object}
}

func (c credentials) text() string { return string(encode(c.object)) }

// encode returns v as JSON. Unlike json.Marshal, it does not escape characters for HTML.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // can't happen with texts and JSON that was read
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// value returns the content of a version, from memory if it is known.
func (m *managed) value(ctx context.Context, id string) (credentials, error) {
	if c, there := m.remembered(id); there {
		return c, nil
	}
	out, err := m.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &m.arn, VersionId: &id})
	if err != nil {
		return credentials{}, wrap("GetSecretValue", err)
	}
	if out.SecretString == nil {
		return credentials{}, fmt.Errorf("rotation: version %s: the value is not a text", id)
	}
	c, err := parse(*out.SecretString)
	if err != nil {
		return credentials{}, fmt.Errorf("rotation: version %s: %w", id, err)
	}
	m.remember(id, c)
	return c, nil
}

// remember keeps the content of a version, which never changes.
func (m *managed) remember(id string, c credentials) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[id] = c
}

func (m *managed) remembered(id string) (credentials, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, there := m.values[id]
	return c, there
}

// errConcealed replaces an error whose text holds a password.
var errConcealed = errors.New("the database's error, which holds a password, is not shown")

// conceal returns err, or errConcealed if its text holds a password.
func conceal(err error, known []credentials) error {
	if err == nil {
		return nil
	}
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	for _, c := range known {
		if strings.Contains(text, c.password) {
			return errConcealed
		}
	}
	return err
}
