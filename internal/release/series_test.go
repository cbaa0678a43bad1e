package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAPrereleaseLeavesTheChangelogToTheRelease(t *testing.T) {
	t.Parallel()
	repo := newTiny(t)
	before := repo.git("rev-parse", "HEAD:CHANGELOG.md")
	for _, version := range []string{"v0.1.0-rc.1", "v0.1.0-rc.2", "v0.1.0"} {
		if got := repo.git("rev-parse", "HEAD:CHANGELOG.md"); got != before {
			t.Errorf("before %s the changelog is changed", version)
		}
		r, out, seen := repo.release()
		if err := r.prepare(t.Context(), repo.dir, version); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if diff := cmp.Diff([]compared{{".", "none"}, {"sub", "none"}}, *seen); diff != "" {
			t.Errorf("compared (-want +got):\n%s", diff)
		}
		repo.git("merge-base", "--is-ancestor", version, "HEAD")
	}
	if got := repo.git("show", "HEAD:CHANGELOG.md"); !strings.Contains(got, "## [0.1.0] - ") || strings.Contains(got, "rc") {
		t.Errorf("the changelog is\n%s", got)
	}
}

func TestASecondMajorVersionHasItsOwnPaths(t *testing.T) {
	t.Parallel()
	repo := newTiny(t)
	repo.git("tag", "v1.4.0")
	repo.git("tag", "sub/v1.4.0")
	for name, text := range tinyFiles {
		repo.write(name, strings.NewReplacer(
			"example/tiny/sub", "example/tiny/sub/v2", "example/tiny/dev", "example/tiny/dev/v2", "example/tiny", "example/tiny/v2", "v0.0.0", "v2.0.0",
		).Replace(text))
	}
	repo.commit("v2")

	r, out, _ := repo.release()
	if err := r.check(t.Context(), repo.dir); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, next := range []struct{ version, base string }{{"v2.0.0", "none"}, {"v2.0.1", "v2.0.0"}} {
		r, out, seen := repo.release()
		if err := r.prepare(t.Context(), repo.dir, next.version); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if diff := cmp.Diff([]compared{{".", next.base}, {"sub", next.base}}, *seen); diff != "" {
			t.Errorf("compared (-want +got):\n%s", diff)
		}
		if got := repo.git("tag", "--points-at", next.version+"^{}"); got != "sub/"+next.version+"\n"+next.version {
			t.Errorf("the tags are %q", got)
		}
		repo.write("CHANGELOG.md", strings.Replace(repo.git("show", "HEAD:CHANGELOG.md"), unreleased, unreleased+"\n\n- More.", 1))
		repo.commit("more")
	}
}
