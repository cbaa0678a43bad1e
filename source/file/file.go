// Package file reads secrets from files, as a [cache.Source]: those that Kubernetes'
// Secrets Store CSI driver mounts for the AWS provider, say, one file a secret.
//
// # Which file
//
// A secret's ID is the path of its file below the directory: prod/db, or with each slash
// replaced by an underscore, prod_db, as the AWS provider names files (pathTranslation
// in "Use AWS Secrets and Configuration Provider CSI with IAM Roles for Service Accounts"
// of the Secrets Manager user guide). Of an ARN it is the name. Nothing outside the
// directory is read, whatever the ID or a symbolic link says.
//
// # Rotation
//
// The driver replaces all files at once, by a symbolic link that it moves from one
// directory to the next; each Fetch opens the file anew, and what it returns is the
// content of one file. Whoever writes files by hand should rename them into place. A
// cache asks when its TTL says, so give it a short one: reading a file costs little.
// [cache.Config] with a TTL of 10 s, say.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/local"
)

// MaxSize is how large a file may be: 1 MiB, the limit of a Secret in Kubernetes.
const MaxSize = 1 << 20

// A Source reads files. It has no state and is safe for concurrent use.
type Source struct{ dir string }

var _ cache.Source = (*Source)(nil)

// New makes a Source over a directory, which may be mounted later: while it isn't there,
// fetches fail with [cache.ErrUnavailable]. It does no I/O.
func New(dir string) (*Source, error) {
	if dir == "" {
		return nil, errors.New("file: the directory is empty; give the one where the secrets are mounted, such as /mnt/secrets")
	}
	abs, err := filepath.Abs(dir) // lest it changes with the working directory
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	return &Source{abs}, nil
}

// Fetch reads the file of a secret. A file that is text is a SecretString, one that is
// not valid UTF-8 a SecretBinary, both with every byte of it, also a newline at the end.
// The version ID is the time when the file was written. A file has the current version
// only: asked for another version or stage, Fetch returns [cache.ErrNotFound].
func (s *Source) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	if s == nil || s.dir == "" {
		return cache.Value{}, errors.New("file: the Source is nil or was not made by New")
	}
	if err := local.Check(ctx, ref, "a file"); err != nil {
		return cache.Value{}, err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return cache.Value{}, fmt.Errorf("%w: the directory of secrets can't be opened, is it mounted? (%w)", cache.ErrUnavailable, err)
	}
	defer root.Close()
	for _, name := range local.Names(ref.ID) {
		for _, path := range paths(name) {
			v, err := read(root, path)
			if errors.Is(err, cache.ErrNotFound) {
				continue
			}
			v.Name = name
			return v, err
		}
	}
	return cache.Value{}, fmt.Errorf("%w: no file %s below %s", cache.ErrNotFound, strings.Join(paths(local.Names(ref.ID)[0]), " or "), s.dir)
}

// paths returns where the file of a secret may be.
func paths(name string) []string {
	flat := strings.ReplaceAll(name, "/", "_")
	if path := filepath.FromSlash(name); path != flat && filepath.IsLocal(path) {
		return []string{path, flat}
	}
	return []string{flat}
}

func read(root *os.Root, path string) (cache.Value, error) {
	f, err := root.Open(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return cache.Value{}, fmt.Errorf("%w: %w", cache.ErrAccessDenied, err)
	case err != nil: // none, or a link that leads out
		return cache.Value{}, fmt.Errorf("%w: %w", cache.ErrNotFound, err)
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return cache.Value{}, fmt.Errorf("%w: %w", cache.ErrUnavailable, err)
	}
	if !before.Mode().IsRegular() {
		return cache.Value{}, fmt.Errorf("%w: %s is no regular file", cache.ErrNotFound, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	defer clear(data)
	if err != nil {
		return cache.Value{}, fmt.Errorf("%w: %w", cache.ErrUnavailable, err)
	}
	if len(data) > MaxSize {
		return cache.Value{}, fmt.Errorf("%w: the file %s has more than the %d bytes that are allowed", cache.ErrInvalidRequest, path, MaxSize)
	}
	after, err := f.Stat()
	if err != nil || !after.ModTime().Equal(before.ModTime()) || after.Size() != int64(len(data)) {
		return cache.Value{}, fmt.Errorf("%w: the file %s is being written; rename files into place", cache.ErrUnavailable, path)
	}
	written := after.ModTime().UTC()
	return cache.Value{
		Payload: local.Payload(data), VersionID: written.Format(time.RFC3339Nano),
		Stages: []string{cache.DefaultStage}, Created: written,
	}, nil
}

// String returns the directory.
func (s *Source) String() string { return "file:" + s.dir }
