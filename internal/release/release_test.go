package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrepareTagsModulesThatCanBeFetched(t *testing.T) {
	t.Parallel()
	repo := newTiny(t)
	before := repo.git("rev-parse", "HEAD")
	r, out, seen := repo.release()
	if err := r.prepare(t.Context(), repo.dir, "v0.1.0"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)

	if got := repo.git("tag", "--list"); got != "sub/v0.1.0\nv0.1.0" {
		t.Errorf("tags are %q", got)
	}
	if one, other := repo.git("rev-parse", "v0.1.0^{}"), repo.git("rev-parse", "sub/v0.1.0^{}"); one != other {
		t.Errorf("the tags are on %s and %s", one, other)
	}
	if diff := cmp.Diff([]compared{{".", "none"}, {"sub", "none"}}, *seen); diff != "" {
		t.Errorf("compared (-want +got):\n%s", diff)
	}

	t.Run("the tagged module has no replacement and all hashes", func(t *testing.T) {
		repo := tiny{t, repo.dir}
		const want = "module github.com/example/tiny/sub\n\ngo 1.25.0\n\nrequire github.com/example/tiny v0.1.0"
		if diff := cmp.Diff(want, repo.git("show", "v0.1.0:sub/go.mod")); diff != "" {
			t.Errorf("go.mod (-want +got):\n%s", diff)
		}
		sums := regexp.MustCompile(`^github.com/example/tiny v0.1.0 h1:\S{44}\ngithub.com/example/tiny v0.1.0/go.mod h1:\S{44}$`)
		if got := repo.git("show", "v0.1.0:sub/go.sum"); !sums.MatchString(got) {
			t.Errorf("go.sum is\n%s", got)
		}
	})
	t.Run("the branch has the changelog and its modules as before", func(t *testing.T) {
		repo := tiny{t, repo.dir}
		if got := repo.git("diff", "--name-only", before, "HEAD"); got != "CHANGELOG.md" {
			t.Errorf("changed are %q", got)
		}
		if got := repo.git("show", "HEAD:CHANGELOG.md"); !strings.Contains(got, "## [Unreleased]\n\n## [0.1.0] - 20") {
			t.Errorf("the changelog is\n%s", got)
		}
		if got := repo.git("status", "--porcelain"); got != "" {
			t.Errorf("the working tree differs: %s", got)
		}
		repo.git("merge-base", "--is-ancestor", "v0.1.0", "HEAD")
		if want := "git push --atomic origin main v0.1.0 sub/v0.1.0"; !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in the output:\n%s", want, out)
		}
	})
	t.Run("the next release is compared with this one", func(t *testing.T) {
		repo := tiny{t, repo.dir}
		repo.write("CHANGELOG.md", strings.Replace(repo.git("show", "HEAD:CHANGELOG.md"), unreleased, unreleased+"\n\n- More.", 1))
		repo.commit("more")
		r, out, seen := repo.release()
		if err := r.prepare(t.Context(), repo.dir, "v0.1.1"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if diff := cmp.Diff([]compared{{".", "v0.1.0"}, {"sub", "v0.1.0"}}, *seen); diff != "" {
			t.Errorf("compared (-want +got):\n%s", diff)
		}
	})
}

func TestPrepareRefusesAndLeavesTheRepositoryAsItWas(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		version string
		change  func(tiny)
		want    string
	}{
		{"no version", "0.1.0", nil, `"0.1.0" is no version`},
		{"a major version that the paths lack", "v2.0.0", func(r tiny) { r.git("tag", "v1.0.0") }, "call it github.com/example/tiny/sub/v2"},
		{"a version that skips one", "v0.2.0", nil, "use one of [v0.0.1 v0.1.0 v1.0.0]"},
		{"a version that is there", "v0.1.0", func(r tiny) { r.git("tag", "sub/v0.1.0") }, "the tag sub/v0.1.0 is there"},
		{"a file that is not committed", "v0.1.0", func(r tiny) { r.write("new.go", "package tiny\n") }, "not committed"},
		{"no branch", "v0.1.0", func(r tiny) { r.git("checkout", "--quiet", "--detach") }, "no branch"},
		{"another branch", "v0.1.0", func(r tiny) { r.git("checkout", "--quiet", "-b", "mine") }, "the branch mine is checked out"},
		{"nothing to say", "v0.1.0", func(r tiny) {
			r.write("CHANGELOG.md", unreleased+"\n")
			r.commit("c")
		}, "Unreleased is empty"},
		{"a module that the list lacks", "v0.1.0", func(r tiny) {
			r.write("more/go.mod", nested("more", "../"))
			r.commit("c")
		}, `modules.txt does not name the module in more: add a line "release more"`},
		{"a module that is gone", "v0.1.0", func(r tiny) {
			r.git("rm", "--quiet", "-r", "dev")
			r.commit("c")
		}, "names dev, where no go.mod is"},
		{"a requirement on a module that is not released", "v0.1.0", func(r tiny) {
			r.write(list, "release .\nrelease dev\nkeep sub\n")
			r.write("dev/go.mod", nested("dev", "../")+"\nrequire github.com/example/tiny/sub v0.0.0\nreplace github.com/example/tiny/sub => ../sub\n")
			r.commit("c")
		}, "dev/go.mod requires github.com/example/tiny/sub, which"},
		{"a replacement of a module of others", "v0.1.0", func(r tiny) {
			r.write("sub/go.mod", nested("sub", "../")+"\nreplace example.com/other => ../dev\n")
			r.commit("c")
		}, "sub/go.mod replaces example.com/other"},
		{"a module that needs a newer Go", "v0.1.0", func(r tiny) {
			r.write("sub/go.mod", strings.Replace(nested("sub", "../"), "1.25.0", "1.25.1", 1))
			r.commit("c")
		}, "sub/go.mod says go 1.25.1, and the root's go 1.25.0"},
		{"tags that can't be signed", "v0.1.0", func(r tiny) {
			r.git("config", "tag.gpgSign", "true")
			r.git("config", "gpg.program", "false")
		}, "git tag --annotate"},
		{"a module path of elsewhere", "v0.1.0", func(r tiny) {
			r.write("sub/go.mod", nested("elsewhere", "../"))
			r.commit("c")
		}, "call it github.com/example/tiny/sub"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			repo := newTiny(t)
			if tt.change != nil {
				tt.change(repo)
			}
			before := repo.git("rev-parse", "HEAD") + repo.git("tag", "--list") + repo.git("status", "--porcelain")
			r, out, _ := repo.release()
			err := r.prepare(t.Context(), repo.dir, tt.version)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want %s\n%s", err, tt.want, out)
			}
			if after := repo.git("rev-parse", "HEAD") + repo.git("tag", "--list") + repo.git("status", "--porcelain"); after != before {
				t.Errorf("the repository was %s, is %s", before, after)
			}
		})
	}
}

func TestCheckFindsWhatAStrangerWouldMeet(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(tiny)
		want   string
	}{
		{"nothing", func(tiny) {}, ""},
		{"a replacement that nothing needs", func(r tiny) {
			r.write("more/go.mod", strings.Replace(nested("more", "../"), "require github.com/example/tiny v0.0.0\n", "", 1))
			r.write("more/more.go", "package more\n")
			r.write(list, tinyFiles[list]+"release more\n")
		}, ""},
		{"an example that reads a file of another module", func(r tiny) {
			r.write("sub/example_test.go", "package sub_test\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nfunc Example() {\n\t_, err := os.Stat(\"../README.md\")\n\tfmt.Println(err)\n\t// Output: <nil>\n}\n")
		}, "../README.md: no such file"},
		{"code of the README that needs what is internal", func(r tiny) {
			r.write("example_test.go", strings.Replace(tinyFiles["example_test.go"], `"fmt"`, "\"fmt\"\n\t_ \"github.com/example/tiny/internal/two\"", 1))
		}, "use of internal package github.com/example/tiny/internal/two not allowed"},
		{"code of the README that needs what is elsewhere", func(r tiny) {
			r.write("example_test.go", strings.Replace(tinyFiles["example_test.go"], "fmt.Println(tiny.One)", "fmt.Println(tiny.One)\n\tmore()", 1))
			r.write("more_test.go", "package tiny_test\n\nfunc more() {}\n")
		}, "undefined: more"},
		{"code of the README that is nowhere", func(r tiny) {
			r.write("README.md", "```go\nfmt.Println(tiny.Two)\n```\n")
		}, `"fmt.Println(tiny.Two)"`},
		{"a command that does not start", func(r tiny) {
			r.write("cmd/tool/main.go", "package main\n\nfunc main() { panic(\"no\") }\n")
		}, "commands/tool -h: exit status 2"},
		{"a program that learns of no version", func(r tiny) {
			r.write(programs+"/main.go", strings.Replace(program, "os.Args[1]", `"v9.9.9"`, 1))
		}, "run ./version v0.1.0-check: exit status 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			repo := newTiny(t)
			tt.change(repo)
			repo.git("add", "--all")
			repo.git("commit", "--quiet", "--allow-empty", "--message", "c")
			r, out, _ := repo.release()
			err := r.check(t.Context(), repo.dir)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("%v\n%s", err, out)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error is %v, want %s\n%s", err, tt.want, out)
			}
			if got := repo.git("tag", "--list"); got != "" {
				t.Errorf("the check left tags: %s", got)
			}
		})
	}
}

func TestUsersBuildsStumbleOverReplacementsAndSiblingsOfNoVersion(t *testing.T) {
	r := &release{version: "v0.1.0", root: "github.com/example/tiny"}
	pair := func(path, version string) struct{ Path, Version string } {
		return struct{ Path, Version string }{path, version}
	}
	for _, tt := range []struct {
		name string
		file modFile
		want string
	}{
		{"fetchable", modFile{Require: []struct{ Path, Version string }{pair(r.root, "v0.1.0"), pair("example.com/other", "v1.0.0")}}, ""},
		{"a sibling of another version", modFile{Require: []struct{ Path, Version string }{pair(r.root+"/sub", "v0.0.9")}}, "requires github.com/example/tiny/sub v0.0.9"},
		{"the version of the tree", modFile{Require: []struct{ Path, Version string }{pair(r.root, "v0.0.0")}}, "requires github.com/example/tiny v0.0.0"},
		{"another's module of no version", modFile{Require: []struct{ Path, Version string }{pair("example.com/other", "v0.0.0")}}, "requires example.com/other v0.0.0"},
		{"a replacement", modFile{Replace: []struct {
			Old, New struct{ Path, Version string }
		}{{Old: pair(r.root, "")}}}, "replaces github.com/example/tiny"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := r.fetchable(tt.file)
			if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
		})
	}
}
