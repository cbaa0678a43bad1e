package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A repository is the repository whose modules are released.
type repository struct {
	top    string // its directory
	head   string // its last commit
	branch string // the branch that is checked out, or ""
	dirty  bool
	tags   []string
	last   version // the last release
	name   string  // name and
	email  string  // address of the person for whom commits are made
}

// open reads the state of the repository that holds dir.
func (r *release) open(ctx context.Context, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	config := r.dir("gitconfig")
	if r.tools, err = newTools(ctx, config); err != nil {
		return err
	}
	// The checkout may belong to another user; git trusts it only if it is named in the
	// configuration.
	if err := r.writeConfig(config, "*"); err != nil {
		return err
	}
	p := &r.repo
	for _, ask := range []struct {
		into *string
		args []string
	}{
		{&p.top, []string{"rev-parse", "--show-toplevel"}},
		{&p.head, []string{"rev-parse", "HEAD"}},
		{&p.branch, []string{"branch", "--show-current"}},
	} {
		if *ask.into, err = r.tools.git(ctx, dir, ask.args...); err != nil {
			return err
		}
	}
	status, err := r.tools.git(ctx, p.top, "status", "--porcelain")
	if err != nil {
		return err
	}
	p.dirty = status != ""
	tags, err := r.tools.git(ctx, p.top, "tag", "--list")
	if err != nil {
		return err
	}
	p.tags = strings.Fields(tags)
	p.last = latest(p.tags, "")
	return r.identify(ctx)
}

// writeConfig writes a configuration of git that trusts the directories in safe. It
// includes the person's own configuration, without the hooks. A check does not include it,
// since a check must do the same everywhere.
func (r *release) writeConfig(file, safe string) error {
	var text strings.Builder
	if !r.playing {
		for _, own := range personal() {
			fmt.Fprintf(&text, "[include]\n\tpath = %q\n", own)
		}
	}
	fmt.Fprintf(&text, "[safe]\n\tdirectory = %q\n[core]\n\thooksPath = %q\n", safe, os.DevNull)
	return os.WriteFile(file, []byte(text.String()), 0o600)
}

// personal returns the files of a person's git configuration. Git ignores files that do not
// exist.
func personal() []string {
	if file := os.Getenv("GIT_CONFIG_GLOBAL"); file != "" {
		return []string{file}
	}
	var files []string
	if dir, err := os.UserConfigDir(); err == nil {
		files = append(files, filepath.Join(dir, "git", "config"))
	}
	if dir, err := os.UserHomeDir(); err == nil {
		files = append(files, filepath.Join(dir, ".gitconfig"))
	}
	return files
}

var identity = regexp.MustCompile(`^(.*) <(.*)> \d+ [-+]\d+$`)

// identify finds the author of the commits. A check has a fixed one.
func (r *release) identify(ctx context.Context) error {
	r.repo.name, r.repo.email = "release check", "check@example.com"
	if r.playing {
		return nil
	}
	text, err := r.tools.git(ctx, r.repo.top, "var", "GIT_AUTHOR_IDENT")
	if err != nil {
		return err
	}
	m := identity.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("git names the author %q, which is not understood", text)
	}
	r.repo.name, r.repo.email = m[1], m[2]
	return nil
}
