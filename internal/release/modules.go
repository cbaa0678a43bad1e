package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// list is the file that lists the modules and says which are released.
const list = "internal/release/modules.txt"

// A module is a module of the repository.
type module struct {
	dir  string // in the repository, with slashes
	file modFile
}

// A modFile is a go.mod file, as the go command prints it.
type modFile struct {
	Module  struct{ Path string }
	Go      string
	Require []struct{ Path, Version string }
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

func (m module) path() string { return m.file.Module.Path }

// tag returns the tag of a version of the module.
func (m module) tag(version string) string { return path.Join(m.dir, version) }

// siblings returns the modules that m requires.
func (m module) siblings(modules []module) (required []module) {
	for _, s := range modules {
		if slices.ContainsFunc(m.file.Require, func(q struct{ Path, Version string }) bool { return q.Path == s.path() }) {
			required = append(required, s)
		}
	}
	return required
}

// readModules returns the modules of a tree that are released, each after those that
// it requires. A module that the list does not name is an error, so that a new one is
// not forgotten.
func (r *release) readModules(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(r.tree, list))
	if err != nil {
		return err
	}
	listed, err := parseList(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", list, err)
	}
	files, err := r.tools.git(ctx, r.tree, "ls-files", "--", "go.mod", "*/go.mod")
	if err != nil {
		return err
	}
	var released, kept []module
	for _, file := range strings.Fields(files) {
		dir := path.Dir(file)
		if slices.Contains(strings.Split(dir, "/"), "testdata") {
			continue // a file for a test
		}
		word, ok := listed[dir]
		if !ok {
			return fmt.Errorf("%s does not name the module in %s: add a line \"release %s\" or \"keep %s\"", list, dir, dir, dir)
		}
		delete(listed, dir)
		m := module{dir: dir}
		if m.file, err = r.readModFile(ctx, filepath.Join(r.tree, file)); err != nil {
			return err
		}
		if word == "release" {
			released = append(released, m)
		} else {
			kept = append(kept, m)
		}
	}
	for dir := range listed {
		return fmt.Errorf("%s names %s, where no go.mod is", list, dir)
	}
	if err := r.judge(released, kept); err != nil {
		return err
	}
	r.modules, err = inOrder(released)
	return err
}

// parseList returns the word in the list for each directory.
func parseList(text string) (map[string]string, error) {
	words := map[string]string{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 || fields[0] != "release" && fields[0] != "keep" {
			return nil, fmt.Errorf("%q is neither \"release DIRECTORY\" nor \"keep DIRECTORY\"", strings.TrimSpace(line))
		}
		if _, twice := words[fields[1]]; twice {
			return nil, fmt.Errorf("it names %s twice", fields[1])
		}
		words[fields[1]] = fields[0]
	}
	if words["."] != "release" {
		return nil, errors.New("it does not release the module in the root directory, whose version the others have")
	}
	return words, nil
}

// readModFile reads a go.mod file.
func (r *release) readModFile(ctx context.Context, file string) (f modFile, err error) {
	text, err := r.tools.goIn(ctx, r.work, r.tools.env, "mod", "edit", "-json", file)
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal([]byte(text), &f)
}

// major matches the end of the path of a module of version 2 or later.
var major = regexp.MustCompile(`/v([2-9]|[1-9]\d+)$`)

// judge returns the reasons why the modules can't be released: a path that does not fit the
// directory, another Go than the root's, a requirement on a sibling that is not released,
// or a replacement of another module.
func (r *release) judge(released, kept []module) error {
	var oldest string
	for _, m := range released {
		if m.dir == "." {
			r.root, oldest = major.ReplaceAllString(m.path(), ""), m.file.Go
			r.suffix = strings.TrimPrefix(m.path(), r.root)
		}
	}
	if r.playing && r.suffix != "" && r.suffix != r.repo.last.suffix() {
		r.version = r.suffix[1:] + ".0.0-check"
	}
	v, err := parse(r.version)
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range released {
		if m.file.Go != oldest {
			errs = append(errs, fmt.Errorf("%s/go.mod says go %s, and the root's go %s: the oldest Go that is promised is the same for all", m.dir, m.file.Go, oldest))
		}
		if want := path.Join(r.root, m.dir) + v.suffix(); m.path() != want {
			errs = append(errs, fmt.Errorf("%s/go.mod: the module is %s, where users do not find %s: call it %s, in import declarations too", m.dir, m.path(), r.version, want))
		}
		for _, s := range m.siblings(kept) {
			errs = append(errs, fmt.Errorf("%s/go.mod requires %s, which %s does not release", m.dir, s.path(), list))
		}
		for _, replaced := range m.file.Replace {
			if !slices.ContainsFunc(released, func(s module) bool { return s.path() == replaced.Old.Path }) {
				errs = append(errs, fmt.Errorf("%s/go.mod replaces %s, which is no module that is released: a user's build ignores that", m.dir, replaced.Old.Path))
			}
		}
	}
	return errors.Join(errs...)
}

// inOrder returns the modules, each after those that it requires.
func inOrder(modules []module) (ordered []module, err error) {
	for left := modules; len(left) > 0; {
		var later []module
		for _, m := range left {
			if len(m.siblings(left)) == 0 {
				ordered = append(ordered, m)
			} else {
				later = append(later, m)
			}
		}
		if len(later) == len(left) {
			return nil, fmt.Errorf("modules require each other, %s for one: their go.sum files can't name each other's hashes", left[0].path())
		}
		left = later
	}
	return ordered, nil
}
