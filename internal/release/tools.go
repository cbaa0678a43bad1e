package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// tools runs git and the go command.
type tools struct {
	env []string // of this process, less what would lead git and go elsewhere

	proxy    string // GOPROXY of the machine
	modcache string // GOMODCACHE of the machine
}

// settings are the machine's settings of the go command that hold here too.
// GOPRIVATE and GONOPROXY do not hold: with them the go command asks the proxies in
// another order.
var settings = []string{"GOCACHE", "GOSUMDB", "GOTOOLCHAIN"}

// misleading are variables that git sets for its hooks.
var misleading = []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"}

// newTools asks the go command for the machine's settings. Git reads its configuration
// from a file, as does the git that go runs.
func newTools(ctx context.Context, gitConfig string) (t tools, err error) {
	t.env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return strings.HasPrefix(name, "GO") || slices.Contains(misleading, name)
	})
	for _, name := range append(settings, "GOPROXY", "GOMODCACHE") {
		value, err := t.run(ctx, "", os.Environ(), "go", "env", name)
		if err != nil {
			return t, err
		}
		switch name {
		case "GOPROXY":
			t.proxy = value
		case "GOMODCACHE":
			t.modcache = value
		default:
			t.env = append(t.env, name+"="+value)
		}
	}
	t.env = append(t.env,
		"GOENV=off", "GOWORK=off",
		// With -modcacherw unpacked modules can be removed. With -trimpath the
		// build cache does not depend on the directory.
		"GOFLAGS=-modcacherw -trimpath -buildvcs=false",
		"GIT_CONFIG_GLOBAL="+gitConfig,
		"AWS_EC2_METADATA_DISABLED=true",
	)
	t.env = slices.Clip(t.env) // so that two callers that append to it do not share the array
	return t, nil
}

// git runs git in a directory and returns what it printed.
func (t tools) git(ctx context.Context, dir string, args ...string) (string, error) {
	return t.run(ctx, dir, t.env, "git", args...)
}

// goIn runs the go command in a directory and returns what it printed.
func (t tools) goIn(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	return t.run(ctx, dir, env, "go", args...)
}

// run runs a program. Its error has what the program printed.
func (t tools) run(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", errors.Join(
			fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err),
			errors.New(strings.TrimSpace(stdout.String()+stderr.String())),
		)
	}
	return strings.TrimRight(stdout.String(), "\n"), nil
}
