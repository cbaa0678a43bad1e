package check

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles"
)

// A probe reads the secrets of one package.
type probe struct {
	pkg   *packages.Package
	items []item
}

// These are names of the files that the overlay adds. They come last in their folder, so that
// the init function runs after those of the package.
const (
	handlesFile = "zz_typedsecret_check_handles.go"
	runFile     = "zz_typedsecret_check_run.go"
	runDir      = "zz_typedsecret_check"
)

// run builds the probe and runs it.
func (pr *probe) run(ctx context.Context, cfg Config) ([]Answer, error) {
	cfg.Progress("building " + pr.pkg.PkgPath)
	dir, err := os.MkdirTemp("", "typedsecret-check-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	target, err := pr.overlay(dir)
	if err != nil {
		return nil, err
	}
	program := filepath.Join(dir, "probe.exe") // Windows runs no other name
	args := []string{"build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program}
	if cfg.Tags != "" {
		args = append(args, "-tags", cfg.Tags)
	}
	env := cfg.Env
	if env == nil {
		env = os.Environ()
	}
	build := exec.CommandContext(ctx, "go", append(args, target)...)
	build.Dir, build.Env = pr.dir(), env
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s with its check: %s", handles.ErrProgram, pr.pkg.PkgPath, lastLines(out))
	}
	cfg.Progress(fmt.Sprintf("reading %d secrets of %s", len(pr.items), pr.pkg.PkgPath))
	result := filepath.Join(dir, "result.json")
	probe := exec.CommandContext(ctx, program)
	probe.Dir, probe.Env = cfg.Dir, append(env[:len(env):len(env)], outVariable+"="+result, timeoutVariable+"="+cfg.Timeout.String())
	// What the program prints may hold a secret, so it is not shown.
	failed := probe.Run()
	text, err := os.ReadFile(result)
	if err != nil {
		return nil, fmt.Errorf("%w: the initialisation of %s ended before its secrets could be read: %v", handles.ErrProgram, pr.pkg.PkgPath, failed)
	}
	var out struct {
		Fatal   string
		Answers []Answer
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, err
	}
	if out.Fatal != "" {
		return nil, fmt.Errorf("%w: %s", ErrUnavailable, out.Fatal)
	}
	if len(out.Answers) != len(pr.items) {
		return nil, errors.New("the check of " + pr.pkg.PkgPath + " is not complete")
	}
	return out.Answers, nil
}

// dir returns the folder of the package.
func (pr *probe) dir() string { return filepath.Dir(pr.pkg.GoFiles[0]) }

// overlay writes the files that the build adds, and returns what to build.
func (pr *probe) overlay(dir string) (target string, err error) {
	replace := map[string]string{}
	add := func(place, name, text string) {
		file := filepath.Join(dir, name)
		if err == nil {
			err = os.WriteFile(file, []byte(text), 0o600)
		}
		replace[place] = file
	}
	add(filepath.Join(pr.dir(), handlesFile), "handles.go", handlesSource(pr.pkg.Name, pr.items))
	target = pr.pkg.PkgPath
	if pr.pkg.Name == "main" {
		add(filepath.Join(pr.dir(), runFile), "run.go", runSource("", ""))
	} else {
		// A program in a folder of the package may import it, even if it is internal.
		target = filepath.Join(pr.dir(), runDir)
		add(filepath.Join(target, runFile), "run.go", runSource(pr.pkg.PkgPath, "func main() {}\n"))
	}
	text, jsonErr := json.Marshal(map[string]any{"Replace": replace})
	if err == nil {
		err = jsonErr
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o600)
	}
	return target, err
}

// lastLines returns what the go command says of a failure, on one line.
func lastLines(out []byte) string {
	var said []string
	for line := range bytes.Lines(out) {
		if text := strings.TrimSpace(string(line)); text != "" && !strings.HasPrefix(text, "#") {
			said = append(said, text)
		}
	}
	if len(said) > 3 {
		said = said[:3]
	}
	return strings.Join(said, "; ")
}
