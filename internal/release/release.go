package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"
)

// A release is a release that is being made.
type release struct {
	out   io.Writer
	start time.Time
	work  string // a directory of its own

	repo  repository
	tools tools

	version string
	playing bool     // only a check, whose commits and tags stay in the clone
	tree    string   // the clone
	modules []module // the released modules, each after those that it requires
	root    string   // path of the repository
	suffix  string   // the end of the modules' paths: "", or "/v2" and so on

	notes  string // the commit that closes the changelog
	tagged string // the commit that has the tags
	merged string // the merge of both

	// compare compares the API of a module of the tree with that of an earlier version, or
	// with nothing if base is "none".
	compare func(ctx context.Context, r *release, m module, base string) error
}

// check makes the release that could come next, and uses it.
func (r *release) check(ctx context.Context, dir string) error {
	r.playing = true
	if err := r.open(ctx, dir); err != nil {
		return err
	}
	if r.repo.dirty {
		r.say("The working tree has changes that are not committed. This check does not include them.")
	}
	r.version = r.repo.last.next() + "-check"
	if err := r.make(ctx); err != nil {
		return err
	}
	r.say("%s could be released.", r.repo.head)
	return nil
}

// prepare makes a release, uses it, and brings it into the repository.
func (r *release) prepare(ctx context.Context, dir, version string) error {
	if err := r.open(ctx, dir); err != nil {
		return err
	}
	v, err := parse(version)
	if err != nil {
		return err
	}
	if !v.follows(r.repo.last) {
		return fmt.Errorf("%s does not follow %s, the last release: use one of %v, or a prerelease of one", version, r.repo.last, r.repo.last.followers())
	}
	switch {
	case r.repo.dirty:
		return errors.New("the working tree has changes or files that are not committed: commit or remove them")
	case r.repo.branch == "":
		return errors.New("no branch is checked out: check out the branch to release from")
	case r.repo.branch != "main":
		return fmt.Errorf("the branch %s is checked out: a release is made from main", r.repo.branch)
	}
	r.version = version
	err = r.make(ctx)
	if err == nil {
		err = r.publish(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w\n(the repository is as it was)", err)
	}
	return nil
}

// make makes the release in a clone, and uses it.
func (r *release) make(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"building the release " + r.version, r.build},
		{"packing the modules", r.pack},
		{"using them from outside", r.use},
	} {
		r.say("== %s", step.name)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// say prints a line, with the seconds since the start.
func (r *release) say(format string, args ...any) {
	fmt.Fprintf(r.out, "%4.0fs  %s\n", time.Since(r.start).Seconds(), fmt.Sprintf(format, args...))
}

// dir returns a path in the release's own directory.
func (r *release) dir(name string) string { return filepath.Join(r.work, name) }
