//go:build unix

package ci

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeGo and fakeCC are a go command and a C compiler that only record which module is
// raced. No module depends on another.
const (
	fakeGo = `#!/bin/sh
here=$(dirname "$0")
case "$1 $2" in
'list -deps') [ ! -e "$here/no-list" ] && pwd ;;
'list ./...') echo m ;;
'test -race') basename "$PWD" >>"$here/raced"; [ ! -e "$here/no-pass" ] ;;
esac
`
	fakeCC = "#!/bin/sh\necho cc 1.0\n"
)

func TestOnlyWhatIsUnchangedIsNotRacedAnew(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	c.write("bin/go", fakeGo)
	c.write("bin/cc", fakeCC)
	bin := filepath.Join(c.top, "bin")
	c.env = append(c.env, "PATH="+bin+":"+os.Getenv("PATH"), "CC=cc")
	remove := func(name string) {
		t.Helper()
		if err := os.Remove(filepath.Join(c.top, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name   string
		before func()
		args   string
		raced  string
		fails  bool
	}{
		{"the first run", nil, "race", "repo sub", false},
		{"nothing is changed", nil, "race", "", false},
		{"a file is changed", func() { c.write("repo/a.go", "package m // changed\n") }, "race", "repo", false},
		{"a file of a nested module is changed", func() { c.write("repo/sub/b.go", "package sub // changed\n") }, "race", "sub", false},
		{"a file is new", func() { c.write("repo/sub/new.go", "package sub\n") }, "race", "sub", false},
		{"a file is gone", func() { remove("repo/sub/new.go") }, "race", "", false}, // as in the runs before
		{"a tracked file is gone", func() { remove("repo/sub/b.go") }, "race", "sub", false},
		{"a setting of Go is changed", func() { c.env = append(c.env, "GODEBUG=x=1") }, "race", "repo sub", false},
		{"the long form", nil, "full race", "repo sub", false},
		{"the compiler is changed", func() { c.write("bin/cc", strings.Replace(fakeCC, "1.0", "1.1", 1)) }, "race", "repo sub", false},
		{"it fails", func() {
			c.write("repo/a.go", "package m // broken\n")
			c.write("bin/no-pass", "")
		}, "race", "repo", true},
		{"it failed before", func() { remove("bin/no-pass") }, "race", "repo", false},
		{"the go command can't tell which modules these are built from", func() { c.write("bin/no-list", "") }, "race", "", true},
		{"it still can't", nil, "race", "", true},
	} {
		if tt.before != nil {
			tt.before()
		}
		said, status := c.run(strings.Fields(tt.args)...)
		text, err := os.ReadFile(filepath.Join(bin, "raced"))
		if err == nil {
			remove("bin/raced")
		}
		if raced := strings.Join(strings.Fields(string(text)), " "); raced != tt.raced || (status != 0) != tt.fails {
			t.Errorf("%s: raced %q, want %q; exit status %d\n%s", tt.name, raced, tt.raced, status, said)
		}
	}
}
