package main

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/typedsecret/typedsecret/internal/readme"
)

// useReadme copies the examples that have the README's code into a module outside
// the tree, where they can use only exported names, and runs them.
func (r *release) useReadme(ctx context.Context) error {
	files, err := readme.Sources(r.tree)
	if err != nil {
		return err
	}
	o, err := r.newOutsider(ctx)
	if err != nil {
		return err
	}
	var dirs []string
	for _, file := range files {
		if dir := path.Dir(filepath.ToSlash(file)); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		if err := o.copyExamples(dir); err != nil {
			return err
		}
		if err := o.require(ctx, dir); err != nil {
			return err
		}
	}
	if _, err := o.run(ctx, "mod", "tidy"); err != nil {
		return err
	}
	said, err := o.run(ctx, "test", "-v", "./...")
	if err != nil {
		return err
	}
	r.say("README: %d files with its code compile outside the tree, %d examples and tests of them ran: %s",
		len(files), strings.Count(said, "--- PASS: "), strings.Join(files, " "))
	return nil
}

// copyExamples copies the examples of a directory of the tree, or the program in it.
func (o outsider) copyExamples(dir string) error {
	pattern := "example*_test.go"
	if strings.HasPrefix(dir, "examples/") {
		pattern = "*.go"
	}
	files, err := filepath.Glob(filepath.Join(o.r.tree, dir, pattern))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := o.write(filepath.Join(dir, filepath.Base(file)), string(text)); err != nil {
			return err
		}
	}
	return nil
}

// require copies the requirements of a directory's module: the released modules at the
// version, and others at the versions of the tree, so that a check gives the same result on
// another day.
func (o outsider) require(ctx context.Context, dir string) error {
	file := filepath.Join(o.r.tree, dir, "go.mod")
	for _, err := os.Stat(file); err != nil && dir != "."; _, err = os.Stat(file) {
		dir = path.Dir(dir)
		file = filepath.Join(o.r.tree, dir, "go.mod")
	}
	f, err := o.r.readModFile(ctx, file)
	if err != nil {
		return err
	}
	args := []string{"mod", "edit", "-require=" + o.r.root + o.r.suffix + "@" + o.r.version}
	for _, q := range f.Require {
		switch {
		case slices.ContainsFunc(o.r.modules, func(m module) bool { return m.path() == q.Path }):
			args = append(args, "-require="+q.Path+"@"+o.r.version)
		case !strings.HasPrefix(q.Path, o.r.root+"/"):
			args = append(args, "-require="+q.Path+"@"+q.Version)
		}
	}
	_, err = o.run(ctx, args...)
	return err
}
