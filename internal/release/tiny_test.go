package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	// The tests need no module of others, no settings of the person who runs them, and no
	// variables of a hook, with which git would work in the repository that has the hook.
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "GIT_") {
			os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{
		"GOPROXY": "off", "GIT_CONFIG_GLOBAL": os.DevNull, "LC_ALL": "C",
		"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
		"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com",
	} {
		os.Setenv(name, value)
	}
	os.Exit(m.Run())
}

// tinyFiles are the files of a repository with three modules, one of which is not released.
var tinyFiles = map[string]string{
	list:           "release . # the root\nrelease sub\nkeep dev\n",
	"CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n- One: 1.\n",
	"README.md":    "```go\n	fmt.Println(tiny.One)\n```\n",
	"go.mod":       "module github.com/example/tiny\n\ngo 1.25.0\n",
	"tiny.go":      "// Package tiny has a number.\npackage tiny\n\n// One is 1.\nconst One = 1\n",
	"example_test.go": `package tiny_test

import (
	"fmt"

	"github.com/example/tiny"
)

func Example() {
	fmt.Println(tiny.One)
	// Output: 1
}
`,
	"internal/two/two.go": "package two\n\nconst Two = 2\n",
	"cmd/tool/main.go":    "package main\n\nimport \"flag\"\n\nfunc main() { flag.Parse() }\n",
	"sub/go.mod":          nested("sub", "../"),
	"sub/sub.go":          "package sub\n\nimport \"github.com/example/tiny\"\n\nconst Two = 2 * tiny.One\n",
	"sub/example_test.go": `package sub_test

import (
	"fmt"

	"github.com/example/tiny/sub"
)

func Example() {
	fmt.Println(sub.Two)
	// Output: 2
}
`,
	"dev/go.mod":               nested("dev", "../"),
	"dev/dev.go":               "package dev\n\nimport _ \"github.com/example/tiny\"\n",
	"testdata/fixture/go.mod":  "module example.com/fixture\n",
	programs + "/main.go":      program,
	"internal/release/none.go": "package release\n",
}

// nested is a go.mod file as it is in the tree.
func nested(dir, top string) string {
	return "module github.com/example/tiny/" + dir + "\n\ngo 1.25.0\n\nrequire github.com/example/tiny v0.0.0\n\n" +
		"replace github.com/example/tiny => " + top + "\n"
}

const program = `package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/example/tiny"
)

func main() {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == "github.com/example/tiny" && m.Version == os.Args[1] && tiny.One == 1 {
			fmt.Println("built with", m.Version)
			return
		}
	}
	fmt.Println(info)
	os.Exit(1)
}
`

// A tiny is a repository with the files above.
type tiny struct {
	t   *testing.T
	dir string
}

func newTiny(t *testing.T) tiny {
	t.Helper()
	r := tiny{t, filepath.Join(t.TempDir(), "a tiny")}
	for name, text := range tinyFiles {
		r.write(name, text)
	}
	r.git("init", "--quiet", "--initial-branch=main")
	r.commit("begin")
	return r
}

func (r tiny) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		r.t.Fatal(err)
	}
}

func (r tiny) commit(message string) {
	r.t.Helper()
	r.git("add", "--all")
	r.git("commit", "--quiet", "-m", message)
}

// git runs git and returns what it printed.
func (r tiny) git(args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "git", args...)
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// A compared is a module and the version with which its API was compared.
type compared struct{ Module, Base string }

// release returns a release of the repository. It also returns the output and the
// comparisons of the release, which are filled later.
func (r tiny) release() (*release, *bytes.Buffer, *[]compared) {
	r.t.Helper()
	work := filepath.Join(r.t.TempDir(), "the work")
	if err := os.Mkdir(work, 0o777); err != nil {
		r.t.Fatal(err)
	}
	var out bytes.Buffer
	var seen []compared
	return &release{
		work: work, out: &out, start: time.Now(),
		compare: func(_ context.Context, _ *release, m module, base string) error {
			seen = append(seen, compared{m.dir, base})
			return nil
		},
	}, &out, &seen
}
