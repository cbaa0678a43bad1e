package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// build makes the commits and tags of the release in a clone. The first commit closes the
// changelog. In the second, each released module requires its siblings at the version,
// without a replacement. A merge of both changes no file. The merge makes the tags
// ancestors of later commits, so that their pseudo-versions are higher than this release.
func (r *release) build(ctx context.Context) error {
	if err := r.clone(ctx); err != nil {
		return err
	}
	if err := r.readModules(ctx); err != nil {
		return err
	}
	if err := r.redirect(); err != nil {
		return err
	}
	if err := r.untagged(); err != nil {
		return err
	}
	if err := r.closeNotes(ctx); err != nil {
		return err
	}
	for _, m := range r.modules {
		if err := r.buildModule(ctx, m); err != nil {
			return err
		}
	}
	return r.join(ctx)
}

// clone clones the last commit of the repository, with its tags.
func (r *release) clone(ctx context.Context) error {
	r.tree = r.dir("tree")
	for _, args := range [][]string{
		{"clone", "--quiet", "--no-checkout", r.repo.top, r.tree},
		{"-C", r.tree, "checkout", "--quiet", "--detach", r.repo.head},
		{"-C", r.tree, "config", "user.name", r.repo.name},
		{"-C", r.tree, "config", "user.email", r.repo.email},
	} {
		if _, err := r.tools.git(ctx, r.work, args...); err != nil {
			return err
		}
	}
	return nil
}

// redirect makes git read the clone in place of the published repository when the
// go command calls it.
func (r *release) redirect() error {
	f, err := os.OpenFile(r.dir("gitconfig"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	fmt.Fprintf(f, "[url %q]\n\tinsteadOf = %q\n[protocol \"file\"]\n\tallow = always\n",
		"file://"+filepath.ToSlash(r.tree), "https://"+r.root)
	return f.Close()
}

// untagged returns an error if a module has the version already.
func (r *release) untagged() error {
	for _, m := range r.modules {
		if tag := m.tag(r.version); slices.Contains(r.repo.tags, tag) {
			return fmt.Errorf("the tag %s is there already", tag)
		}
	}
	return nil
}

// closeNotes commits the changelog with a section for the release. A prerelease leaves its
// changes under Unreleased, for the later release. A check may have no changes.
func (r *release) closeNotes(ctx context.Context) error {
	file := filepath.Join(r.tree, "CHANGELOG.md")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	closed, err := closed(string(text), r.version, time.Now().UTC().Format(time.DateOnly), r.playing)
	if err != nil {
		return fmt.Errorf("CHANGELOG.md: %w", err)
	}
	if v, err := parse(r.version); err != nil {
		return err
	} else if v.pre == "" || r.playing {
		if err := os.WriteFile(file, []byte(closed), 0o644); err != nil {
			return err
		}
		if _, err := r.tools.git(ctx, r.tree, "commit", "--quiet", "-m", "changelog: "+r.version, "--", "CHANGELOG.md"); err != nil {
			return err
		}
	}
	r.notes, err = r.tools.git(ctx, r.tree, "rev-parse", "HEAD")
	r.tagged = r.notes
	return err
}

// buildModule turns a module into one that a user can fetch, and tags it in the
// clone, so that the modules that require it can be tidied next.
func (r *release) buildModule(ctx context.Context, m module) error {
	dir := filepath.Join(r.tree, m.dir)
	edit := []string{"mod", "edit"}
	for _, s := range m.siblings(r.modules) {
		edit = append(edit, "-require="+s.path()+"@"+r.version)
	}
	for _, replaced := range m.file.Replace {
		old := replaced.Old.Path
		if replaced.Old.Version != "" {
			old += "@" + replaced.Old.Version
		}
		edit = append(edit, "-dropreplace="+old)
	}
	if len(edit) > 2 {
		for _, args := range [][]string{edit, {"mod", "tidy"}} {
			if _, err := r.tools.goIn(ctx, dir, r.building(), args...); err != nil {
				return err
			}
		}
		if err := r.commit(ctx, dir); err != nil {
			return err
		}
	}
	if r.compare != nil {
		if err := r.compare(ctx, r, m, base(r.repo.tags, m, r.suffix)); err != nil {
			return err
		}
	}
	_, err := r.tools.git(ctx, r.tree, "tag", "--no-sign", m.tag(r.version))
	return err
}

// base returns the version of the last release of the module, with the suffix that its
// path has, or "none".
func base(tags []string, m module, suffix string) string {
	last := latest(tags, strings.TrimSuffix(m.tag("v"), "v"))
	if last == (version{}) || last.suffix() != suffix {
		return "none"
	}
	return last.String()
}

// building returns an environment in which the go command takes the released modules from
// the clone, and others from the machine's cache or proxy.
func (r *release) building() []string {
	return append(r.tools.env,
		"GOMODCACHE="+r.dir("building"), "GOPROXY="+r.others(), "GOPRIVATE="+r.root)
}

// others returns the list of proxies for other people's modules.
func (r *release) others() string {
	return "file://" + filepath.ToSlash(filepath.Join(r.tools.modcache, "cache", "download")) + "," + r.tools.proxy
}

// commit puts go.mod and go.sum of a directory into the commit that will have the tags.
func (r *release) commit(ctx context.Context, dir string) (err error) {
	if _, err := r.tools.git(ctx, dir, "add", "--", "."); err != nil {
		return err
	}
	args := []string{"commit", "--quiet", "-m", "release " + r.version}
	if r.tagged != r.notes {
		args = append(args, "--amend")
	}
	if _, err := r.tools.git(ctx, r.tree, args...); err != nil {
		return err
	}
	r.tagged, err = r.tools.git(ctx, r.tree, "rev-parse", "HEAD")
	return err
}

// join puts all tags on one commit, and merges it.
func (r *release) join(ctx context.Context) (err error) {
	for _, m := range r.modules {
		if _, err := r.tools.git(ctx, r.tree, "tag", "--no-sign", "--force", m.tag(r.version), r.tagged); err != nil {
			return err
		}
		r.say("%s", m.tag(r.version))
	}
	r.merged = r.notes
	if r.tagged == r.notes {
		return nil
	}
	for _, args := range [][]string{
		{"checkout", "--quiet", "--detach", r.notes},
		{"merge", "--quiet", "--strategy=ours", "--no-ff", "-m", "merge the tags of " + r.version, r.tagged},
	} {
		if _, err := r.tools.git(ctx, r.tree, args...); err != nil {
			return err
		}
	}
	if r.merged, err = r.tools.git(ctx, r.tree, "rev-parse", "HEAD"); err != nil {
		return err
	}
	if _, err := r.tools.git(ctx, r.tree, "checkout", "--quiet", "--detach", r.tagged); err != nil {
		return err
	}
	// The next steps must not find uncommitted files, since those are not released.
	_, err = r.tools.git(ctx, r.tree, "clean", "--quiet", "-ffdx")
	return err
}
