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
	"time"
)

// tools runs git and the go command.
type tools struct {
	env []string // this process's environment, without variables that would mislead git, go and the examples

	proxy    string // the machine's GOPROXY
	modcache string // the machine's GOMODCACHE
}

// settings are the machine's settings of the go command that count here too. GOPRIVATE and
// GONOPROXY are left out: with them the go command uses the proxies in another order.
var settings = []string{"GOCACHE", "GOSUMDB", "GOTOOLCHAIN"}

// misleading reports whether a variable must not reach the programs that run here. Git sets
// some for its hooks, the go command gets its own, and the examples would obey the rest.
func misleading(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains([]string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"}, name) ||
		strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "TYPEDSECRET_")
}

// newTools reads the machine's settings from the go command. Git, also when go runs it,
// reads its configuration from the file gitConfig.
func newTools(ctx context.Context, gitConfig string) (t tools, err error) {
	t.env = slices.DeleteFunc(os.Environ(), misleading)
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
		// -modcacherw makes unpacked modules removable. -trimpath makes the build cache
		// independent of the directory.
		"GOFLAGS=-modcacherw -trimpath -buildvcs=false",
		"GIT_CONFIG_GLOBAL="+gitConfig,
		"AWS_EC2_METADATA_DISABLED=true",
	)
	t.env = slices.Clip(t.env) // callers that append to it must not share an array
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
	cmd.WaitDelay = 5 * time.Second // after an interrupt the program's children may still write
	if err := cmd.Run(); err != nil {
		return "", errors.Join(
			fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err),
			errors.New(strings.TrimSpace(stdout.String()+stderr.String())),
		)
	}
	return strings.TrimRight(stdout.String(), "\n"), nil
}
