package main

import (
	"strings"
	"testing"
)

func TestTheListOfModules(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"all kinds of lines", "# c\n\nrelease . # root\n  keep\tdev\n", ""},
		{"no word", "release .\ndev\n", `"dev" is neither`},
		{"another word", "release .\nignore dev\n", `"ignore dev" is neither`},
		{"a word too many", "release .\nkeep dev sub\n", `"keep dev sub" is neither`},
		{"a directory twice", "release .\nkeep dev\nrelease dev\n", "names dev twice"},
		{"no root", "release sub\n", "does not release the module in the root"},
		{"a root that is kept", "keep .\n", "does not release the module in the root"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseList(tt.text)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
		})
	}
}

func TestModulesComeAfterThoseThatTheyRequire(t *testing.T) {
	mod := func(path string, required ...string) module {
		m := module{dir: path}
		m.file.Module.Path = path
		for _, r := range required {
			m.file.Require = append(m.file.Require, struct{ Path, Version string }{r, "v0.0.0"})
		}
		return m
	}
	ordered, err := inOrder([]module{mod("a", "b", "c"), mod("b", "c", "other"), mod("c")})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, m := range ordered {
		paths = append(paths, m.path())
	}
	if got := strings.Join(paths, " "); got != "c b a" {
		t.Errorf("the order is %s", got)
	}
	if _, err := inOrder([]module{mod("a", "b"), mod("b", "a"), mod("c")}); err == nil || !strings.Contains(err.Error(), "require each other") {
		t.Errorf("of a cycle: %v", err)
	}
}
