// Package static reads secrets from one file, or from a map in the program, as a
// [secret.Source]: for tests and for development at the desk. The secrets are there in
// the clear, so none of a production service belongs there.
//
// A file with the extension .json holds an object whose keys are secret IDs. A value that
// is a string is the secret; any other is a secret in JSON:
//
//	{
//		"prod/api-key": "hunter2",
//		"prod/db": {"username": "app", "password": "hunter2", "host": "localhost", "port": 5432}
//	}
//
// A file with the extension .env has a line for each secret, ID=VALUE. Blank lines and
// those that begin with # are left out, and so is the word export before an ID. A value
// in single quotes is taken as it is; in double quotes, \n, \t, \r, \" and \\ are what
// they are in Go; without quotes it ends where the line does or a # follows a space or
// tab, and has none around it.
package static

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/typedsecret/typedsecret/internal/document"
	"github.com/typedsecret/typedsecret/internal/local"
	"github.com/typedsecret/typedsecret/secret"
)

// A Source has a fixed set of secrets, or those of a file. It is safe for concurrent
// use.
type Source struct {
	path    string
	secrets func() (map[string]string, error) // hidden from what prints
	claims  local.Claims                      // of the keys that ARNs lead to

	versions local.Versions
}

var _ secret.Source = (*Source)(nil)

// New makes a Source of secrets by their IDs, which it copies.
func New(secrets map[string]string) *Source {
	secrets = maps.Clone(secrets)
	return &Source{secrets: func() (map[string]string, error) { return secrets, nil }}
}

// Open makes a Source of the file at path, which is read at each Fetch, so that a change
// shows at the next refresh. Open returns an error if the file is missing or can't be
// parsed. The error gives the line and the column, and what is expected there, and quotes
// nothing of the file.
func Open(path string) (*Source, error) {
	if path == "" {
		return nil, errors.New("static: the path is empty; give one such as dev.json or dev.env")
	}
	if strings.ContainsAny(path, "{\"\n") {
		return nil, errors.New("static: the path looks like secrets; give that of the file that holds them, such as dev.json or dev.env")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, errors.New("static: the working directory, which the path begins at, can't be found")
	}
	s := &Source{path: path, secrets: func() (map[string]string, error) { return read(path) }}
	if _, err := s.secrets(); err != nil {
		return nil, fmt.Errorf("static: %w", err)
	}
	return s, nil
}

// formats are the kinds of files by their extensions.
var formats = map[string]struct {
	parse func([]byte) (map[string]string, error)
	like  string
}{
	".json": {parseJSON, `a JSON object like {"prod/api-key": "…"}`},
	".env":  {document.Env, "lines like prod/api-key=…"},
}

func parseJSON(data []byte) (map[string]string, error) {
	members, err := document.JSON(data)
	if err != nil {
		return nil, err
	}
	secrets := make(map[string]string, len(members))
	for _, m := range members {
		secrets[m.ID] = m.Text()
	}
	return secrets, nil
}

// maxSize is how large a file may be: room for 1,000 secrets of the largest kind.
const maxSize = 64 << 20

// read reads the file at path, which is a regular one.
func read(path string) (map[string]string, error) {
	format, known := formats[filepath.Ext(path)]
	if !known {
		what := "the path" // which may be a secret, unless there is a file
		if _, err := os.Stat(path); err == nil {
			what = "the file " + path
		}
		return nil, fmt.Errorf("%s ends in neither .json nor .env", what)
	}
	data, err := local.ReadFile(path, maxSize)
	defer clear(data)
	if err != nil {
		return nil, fmt.Errorf("%w; the file is to hold %s", local.PathError(err), format.like)
	}
	secrets, err := format.parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return secrets, nil
}

// Fetch returns a secret's value. There is the current version only; its ID changes when the
// value does.
// A file that can't be read any more is [secret.ErrUnavailable].
//
// An ID is taken literally, as a key. For an ARN, the key may also be the name in the ARN.
// A second ARN that leads to the same key, of another account say, is refused with
// [secret.ErrInvalidRef].
func (s *Source) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	if s == nil || s.secrets == nil {
		return secret.Value{}, errors.New("static: the Source is nil or was not made by New or Open")
	}
	if err := local.Check(ctx, ref, "a static secret"); err != nil {
		return secret.Value{}, err
	}
	secrets, err := s.secrets()
	if err != nil {
		return secret.Value{}, fmt.Errorf("%w: %w", secret.ErrUnavailable, err)
	}
	for _, key := range local.Keys(ref.ID) {
		if value, ok := secrets[key]; ok {
			if key != ref.ID {
				if err := s.claims.Take(key, ref.ID, key, fmt.Sprintf("the key %.200q", key)); err != nil {
					return secret.Value{}, err
				}
			}
			v := local.Value(key, []byte(value))
			v.VersionID = s.versions.Of(key, v.Payload)
			return v, nil
		}
		s.versions.Drop(key)
	}
	where := "the secrets given to static.New"
	if s.path != "" {
		where = s.path
	}
	return secret.Value{}, fmt.Errorf("%w: it is not among %s", secret.ErrNotFound, where)
}

// String returns the path of the file, if there is one.
func (s *Source) String() string { return "static:" + s.path }
