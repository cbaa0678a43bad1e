// Package file reads secrets from files, as a [secret.Source]: those that Kubernetes'
// Secrets Store CSI driver mounts for the AWS provider, say, one file a secret.
//
// # Which file
//
// A secret's ID is the path of its file below the directory: prod/db, or with each slash
// replaced by an underscore, prod_db, as the AWS provider names files (pathTranslation in
// the README of secrets-store-csi-driver-provider-aws). An ID that begins with a slash has
// the second kind of name only. For an ARN, the file's name is the whole ARN, as the
// provider makes it where objectName is an ARN, or the name in the ARN, with or without the
// hyphen and six characters at its end.
//
// # IDs that are refused
//
// A program may make an ID from a part of a request, "tenant/" + name + "/db" say. So a
// Source refuses an ID that the system would take for the path of another ID's file, with
// [secret.ErrInvalidRef]:
//   - an ID that has an empty step (a//b, a/), the step ".", a step that begins with "..",
//     or a NUL
//   - on Windows, a step with one of \ : * ? " < > |, a step that ends in a dot or a space,
//     and the name of a device, such as nul or com1.txt
//   - an ID that leads to a file which the Source has read for another ID before: prod_db
//     after prod/db, or the ARN of another account that has the same name
//
// Nothing outside the directory is read, whatever the ID or a symbolic link says. A link to
// a file inside the directory is followed: the directory's owner gives one secret two IDs
// by it.
//
// Two cases are left to the program. The first of prod_db and prod/db that the program asks
// for gets the file. And a file system that ignores case, as those of Windows and macOS do,
// has one file for prod/db and prod/DB, which are two secrets in Secrets Manager. In both
// cases, accept from a request only names that the program knows.
//
// # Rotation
//
// The driver replaces all files at once, by a symbolic link, ..data, that it moves from
// one directory to the next, and removes the former; a Fetch that this overtakes begins
// again, and what it returns is the content of one file.
//
// Elsewhere a file that changed within the last 50 ms may be half written. A Fetch reads it
// again after 50 ms, and takes the content when two reads agree. A writer that pauses for longer
// between two parts of a secret is not noticed, so rename files into place.
//
// A cache asks when its TTL says, so give it a short one: reading a file costs little. That is a
// TTL of 10 s in [cache.Config], or in the variable TYPEDSECRET_SOURCE file:/mnt/secrets?ttl=10s.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/typedsecret/typedsecret/internal/local"
	"github.com/typedsecret/typedsecret/secret"
)

// MaxSize is how large a file may be: 1 MiB, the limit of a Secret in Kubernetes.
const MaxSize = 1 << 20

// A Source reads files. It is safe for concurrent use.
type Source struct {
	dir    string
	claims local.Claims // of paths below dir

	versions local.Versions
}

var _ secret.Source = (*Source)(nil)

// New makes a Source over a directory, which may be mounted later: while it isn't there,
// fetches fail with [secret.ErrUnavailable]. It does no I/O.
func New(dir string) (*Source, error) {
	if dir == "" {
		return nil, errors.New("file: the directory is empty; give the one where the secrets are mounted, such as /mnt/secrets")
	}
	if strings.ContainsAny(dir, "{\"\n") {
		return nil, errors.New("file: the directory looks like secrets; give the one that has the files of the secrets, such as /mnt/secrets")
	}
	abs, err := filepath.Abs(dir) // so that the working directory may change
	if err != nil {
		return nil, errors.New("file: the working directory, which the path begins at, can't be found")
	}
	return &Source{dir: abs}, nil
}

// Fetch reads the file of a secret. A file that is text is a SecretString, one that is
// not valid UTF-8 a SecretBinary, both with every byte of it, also a newline at the end.
// A file has the current version only: asked for another version or stage, Fetch returns
// [secret.ErrNotFound].
//
// An empty file is refused with [secret.ErrInvalidRequest], as Secrets Manager has no empty
// SecretString: a file is mostly empty because it is about to be written.
//
// The version ID changes when the content does. A file that is written anew with the same
// content keeps its version: the driver writes all files when one changes.
func (s *Source) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	if s == nil || s.dir == "" {
		return secret.Value{}, errors.New("file: the Source is nil or was not made by New")
	}
	for {
		if err := local.Check(ctx, ref, "a file"); err != nil {
			return secret.Value{}, err
		}
		places, err := candidates(ref.ID, runtime.GOOS == "windows")
		if err != nil {
			return secret.Value{}, err
		}
		v, swapped, err := s.attempt(ctx, ref.ID, places)
		if !swapped {
			return v, err
		}
	}
}

// attempt reads the file of a secret once. If all files were swapped meanwhile, a file
// that isn't there was perhaps removed with those before it.
func (s *Source) attempt(ctx context.Context, id string, places []candidate) (v secret.Value, swapped bool, err error) {
	if info, err := os.Stat(s.dir); err == nil && !info.IsDir() {
		return secret.Value{}, false, fmt.Errorf("%w: %s is no directory", secret.ErrUnavailable, s.dir)
	}
	root, err := os.OpenRoot(s.dir)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return secret.Value{}, false, fmt.Errorf("%w: the directory of secrets can't be opened (%w)", secret.ErrAccessDenied, local.PathError(err))
	case err != nil:
		return secret.Value{}, false, fmt.Errorf("%w: the directory of secrets can't be opened, is it mounted? (%w)", secret.ErrUnavailable, local.PathError(err))
	}
	defer root.Close()
	before, _ := root.Readlink("..data") // empty where no driver is at work
	v, err = s.find(ctx, root, id, places, before != "")
	if after, _ := root.Readlink("..data"); after != before {
		return secret.Value{}, true, nil
	}
	return v, false, err
}

// find reads the first file there is among those that a secret may be in. Those of a driver are
// whole whenever they are there.
func (s *Source) find(ctx context.Context, root *os.Root, id string, places []candidate, isDriver bool) (secret.Value, error) {
	var tried []string
	for _, place := range places {
		full := s.dir + string(filepath.Separator) + place.path
		data, written, err := settled(ctx, root, place.path, isDriver)
		switch {
		case err == nil:
			if len(data) == 0 {
				return secret.Value{}, fmt.Errorf("%w: the file %s is empty, which a secret never is; is it still to be written?", secret.ErrInvalidRequest, full)
			}
			v := local.Value(place.name, data)
			clear(data)
			v.Created = written
			if place.isShared(id) {
				if err := s.claims.Take(place.path, id, place.name, "the file "+full); err != nil {
					return secret.Value{}, err
				}
			}
			v.VersionID = s.versions.Of(place.path, v.Payload)
			return v, nil
		case errors.Is(err, errLeadsOut):
			tried = append(tried, fmt.Sprintf("%s leads out of %s", place.path, s.dir))
		case errors.Is(err, errNotRegular):
			tried = append(tried, fmt.Sprintf("%s is no regular file", full))
		case errors.Is(err, secret.ErrNotFound):
			s.claims.Drop(place.path)
			s.versions.Drop(place.path)
			tried = append(tried, fmt.Sprintf("there is no file %s", full))
		default:
			return secret.Value{}, err
		}
	}
	return secret.Value{}, fmt.Errorf("%w: %s", secret.ErrNotFound, strings.Join(tried, ", and "))
}

// String returns the directory.
func (s *Source) String() string { return "file:" + local.Shown(s.dir) }
