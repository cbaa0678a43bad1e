package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// goreleaseModule is the tool that compares the API of a module with an earlier version.
const goreleaseModule = "golang.org/x/exp/cmd/gorelease@v0.0.0-20261113113407-e3970619a1a4"

// gorelease compares a module of the tree with its version base, by that tool. From
// v1 on an incompatible change is an error; before, it is printed.
func gorelease(ctx context.Context, r *release, m module, base string) error {
	program := filepath.Join(r.dir("gorelease"), "gorelease")
	if _, err := os.Stat(program); err != nil {
		env := append(r.tools.env, "GOBIN="+filepath.Dir(program), "GOPROXY="+r.tools.proxy, "GOMODCACHE="+r.tools.modcache)
		if _, err := r.tools.goIn(ctx, r.work, env, "install", goreleaseModule); err != nil {
			return err
		}
	}
	said, err := r.tools.run(ctx, filepath.Join(r.tree, m.dir), r.building(), program, "-base="+base, "-version="+r.version)
	if err != nil {
		return fmt.Errorf("the API of %s, compared with %s: %w", m.path(), base, err)
	}
	if base == "none" {
		r.say("gorelease: %s, which has no earlier release", m.path())
	} else {
		r.say("gorelease: %s, compared with %s:\n%s", m.path(), base, said)
	}
	return nil
}
