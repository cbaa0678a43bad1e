package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A download is what the go command prints about a module that it fetched.
type download struct{ Path, GoMod, Zip, Sum string }

// pack makes the go command fetch the released modules by their tags, as a module proxy
// does. The cache that it fills has the layout of a proxy.
func (r *release) pack(ctx context.Context) error {
	args := []string{"mod", "download", "-json"}
	for _, m := range r.modules {
		args = append(args, m.path()+"@"+r.version)
	}
	env := append(r.tools.env, "GOMODCACHE="+r.dir("packed"), "GOPROXY=direct", "GOPRIVATE="+r.root)
	said, err := r.tools.goIn(ctx, r.work, env, args...)
	if err != nil {
		return err
	}
	for dec := json.NewDecoder(strings.NewReader(said)); ; {
		var d download
		if err := dec.Decode(&d); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		zip, err := os.Stat(d.Zip)
		if err != nil {
			return err
		}
		r.say("%s: %d KiB, %s", d.Path, zip.Size()/1024, d.Sum)
		f, err := r.readModFile(ctx, d.GoMod)
		if err != nil {
			return err
		}
		if err := r.fetchable(f); err != nil {
			return err
		}
	}
	return r.complete(ctx)
}

// fetchable returns errors for the lines of a go.mod file that would break a user's build.
func (r *release) fetchable(f modFile) error {
	var errs []error
	for _, replaced := range f.Replace {
		errs = append(errs, fmt.Errorf("%s replaces %s", f.Module.Path, replaced.Old.Path))
	}
	for _, q := range f.Require {
		ours := q.Path == r.root || strings.HasPrefix(q.Path, r.root+"/")
		if ours && q.Version != r.version || q.Version == "v0.0.0" {
			errs = append(errs, fmt.Errorf("%s requires %s %s", f.Module.Path, q.Path, q.Version))
		}
	}
	return errors.Join(errs...)
}

// complete checks that the go command would not change go.mod and go.sum of any module,
// given the packed modules.
func (r *release) complete(ctx context.Context) error {
	for _, m := range r.modules {
		if _, err := r.tools.goIn(ctx, filepath.Join(r.tree, m.dir), r.outside(), "mod", "tidy", "-diff"); err != nil {
			return err
		}
	}
	return nil
}

// outside returns the environment of a user to whom the release is published.
func (r *release) outside() []string {
	return append(r.tools.env,
		"GOMODCACHE="+r.dir("modules"),
		"GOPROXY=file://"+filepath.ToSlash(filepath.Join(r.dir("packed"), "cache", "download"))+","+r.others(),
		"GONOSUMDB="+r.root,
		"GIT_CONFIG_GLOBAL="+os.DevNull,
		"GOBIN="+r.dir("commands"),
	)
}
