package version

import (
	"runtime/debug"
	"testing"
)

func TestVersionIsTheOneInTheBuildInformation(t *testing.T) {
	library := func(version string, replace *debug.Module) *debug.Module {
		return &debug.Module{Path: module, Version: version, Replace: replace}
	}
	other := &debug.Module{Path: "example.com/other", Version: "v9.9.9"}
	nested := &debug.Module{Path: module + "/recipes/yaml", Version: "v9.9.9"}
	for _, tt := range []struct {
		name string
		main debug.Module
		deps []*debug.Module
		want string
	}{
		{"a dependency", debug.Module{Path: "example.com/service", Version: "v8.0.0"}, []*debug.Module{other, nested, library("v0.1.0", nil)}, "0.1.0"},
		{"a dependency by commit", debug.Module{}, []*debug.Module{library("v0.1.1-0.20261129120000-0123456789ab", nil)}, "0.1.1-0.20261129120000-0123456789ab"},
		{"a command of the library, installed by version", *library("v0.2.0", nil), []*debug.Module{other}, "0.2.0"},
		{"a command of the library, from a working tree", *library("(devel)", nil), []*debug.Module{other}, "devel"},
		{"a command of the library, without a version", *library("", nil), nil, "devel"},
		{"replaced by a directory", debug.Module{}, []*debug.Module{library("v0.1.0", &debug.Module{Path: "../typedsecret"})}, "devel"},
		{"replaced by a fork", debug.Module{}, []*debug.Module{library("v0.1.0", &debug.Module{Path: "example.com/fork", Version: "v0.1.7"})}, "0.1.7"},
		{"a program without modules", debug.Module{}, nil, "devel"},
		{"a program that does not name the library", debug.Module{Path: "example.com/service", Version: "v8.0.0"}, []*debug.Module{other, nested}, "devel"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := in(&debug.BuildInfo{Main: tt.main, Deps: tt.deps}); got != tt.want {
				t.Errorf("version is %q, want %q", got, tt.want)
			}
		})
	}
}
