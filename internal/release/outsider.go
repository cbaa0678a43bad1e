package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An outsider is an empty module outside the tree, like that of a user of the release.
type outsider struct {
	r   *release
	dir string
}

// use makes an outsider for each module, and one for the README's code.
func (r *release) use(ctx context.Context) error {
	for _, m := range r.modules {
		if err := r.useModule(ctx, m); err != nil {
			return fmt.Errorf("%s: %w", m.path(), err)
		}
	}
	return r.useReadme(ctx)
}

// newOutsider makes a module in an empty directory.
func (r *release) newOutsider(ctx context.Context) (outsider, error) {
	dir, err := os.MkdirTemp(r.work, "outsider")
	if err != nil {
		return outsider{}, err
	}
	o := outsider{r, dir}
	_, err = o.run(ctx, "mod", "init", "example.com/outsider")
	return o, err
}

func (o outsider) run(ctx context.Context, args ...string) (string, error) {
	return o.r.tools.goIn(ctx, o.dir, o.r.outside(), args...)
}

func (o outsider) write(name, text string) error {
	path := filepath.Join(o.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o666)
}

// useModule gets a module by its version, builds a program that imports each of its
// packages, installs its commands, and runs its examples.
func (r *release) useModule(ctx context.Context, m module) error {
	o, err := r.newOutsider(ctx)
	if err != nil {
		return err
	}
	at := m.path() + "@" + r.version
	if _, err := o.run(ctx, "get", at); err != nil {
		return err
	}
	packages, err := o.packages(ctx, m)
	if err != nil {
		return err
	}
	if err := o.build(ctx, packages); err != nil {
		return err
	}
	carried, err := o.run(ctx, "list", "-m", "all")
	if err != nil {
		return err
	}
	r.say("%s: go get and go build with %d packages; go list -m all has %d modules",
		at, len(libraries(packages)), len(strings.Fields(onlyPaths(carried))))
	if err := o.install(ctx, packages); err != nil {
		return err
	}
	if m.dir == "." {
		if err := o.runProgram(ctx); err != nil {
			return err
		}
	}
	return o.examples(ctx, at, packages)
}

// onlyPaths drops all but the first word of each line.
func onlyPaths(lines string) string {
	var paths []string
	for line := range strings.Lines(lines) {
		first, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		paths = append(paths, first)
	}
	return strings.Join(paths, "\n")
}

// A pkg is a package of a module.
type pkg struct{ name, path, dir string }

// packages returns the packages of a module that its users may import or install.
func (o outsider) packages(ctx context.Context, m module) (packages []pkg, err error) {
	const format = "{{with .Module}}{{.Path}}{{end}}\t{{.Name}}\t{{.ImportPath}}\t{{.Dir}}"
	said, err := o.run(ctx, "list", "-e", "-f", format, m.path()+"/...")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(said) {
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(fields) != 4 || fields[0] != m.path() || slices.Contains(strings.Split(fields[2], "/"), "internal") {
			continue
		}
		packages = append(packages, pkg{fields[1], fields[2], fields[3]})
	}
	if len(packages) == 0 {
		return nil, errors.New("it has no package that can be imported")
	}
	return packages, nil
}

func libraries(packages []pkg) []pkg {
	return slices.DeleteFunc(slices.Clone(packages), func(p pkg) bool { return p.name == "main" })
}

// build builds and runs a program that imports the packages.
func (o outsider) build(ctx context.Context, packages []pkg) error {
	var text strings.Builder
	fmt.Fprintln(&text, "package main")
	for _, p := range libraries(packages) {
		fmt.Fprintf(&text, "import _ %q\n", p.path)
	}
	fmt.Fprintln(&text, "func main() {}")
	if err := o.write("main.go", text.String()); err != nil {
		return err
	}
	for _, args := range [][]string{{"mod", "tidy"}, {"run", "."}} {
		if _, err := o.run(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// install installs each command by its version, and runs it with -h.
func (o outsider) install(ctx context.Context, packages []pkg) error {
	for _, p := range packages {
		if p.name != "main" {
			continue
		}
		at := p.path + "@" + o.r.version
		if _, err := o.run(ctx, "install", at); err != nil {
			return err
		}
		program := filepath.Join(o.r.dir("commands"), filepath.Base(p.path))
		if _, err := o.r.tools.run(ctx, o.dir, o.r.outside(), program, "-h"); err != nil {
			return err
		}
		o.r.say("go install %s, and its -h", at)
	}
	return nil
}

// programs is a directory of the tree with a program's source. The program exits with 0 if
// it was built with the version in its argument.
const programs = "internal/release/testdata/outsider"

// runProgram builds and runs that program outside the tree.
func (o outsider) runProgram(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(o.r.tree, programs, "main.go"))
	if err != nil {
		return err
	}
	if err := o.write("version/main.go", string(text)); err != nil {
		return err
	}
	if _, err := o.run(ctx, "mod", "tidy"); err != nil {
		return err
	}
	said, err := o.run(ctx, "run", "./version", o.r.version)
	if err != nil {
		return err
	}
	o.r.say("%s", said)
	return nil
}

// examples runs the examples of the packages as they are in the module's zip.
func (o outsider) examples(ctx context.Context, at string, packages []pkg) error {
	args := []string{"test", "-v", "-vet=off", "-run", "^Example"}
	n := len(args)
	for _, p := range packages {
		if has, err := hasExamples(p.dir); err != nil {
			return err
		} else if has {
			args = append(args, p.path)
		}
	}
	if len(args) == n {
		o.r.say("%s: no examples", at)
		return nil
	}
	get := []string{"get", "-t"}
	for _, path := range args[n:] {
		get = append(get, path+"@"+o.r.version)
	}
	if _, err := o.run(ctx, get...); err != nil {
		return err
	}
	said, err := o.run(ctx, args...)
	if err != nil {
		return err
	}
	o.r.say("%s: examples of %d packages compile, %d have an output and ran", at, len(args)-n, strings.Count(said, "--- PASS: Example"))
	return nil
}

// hasExamples reports whether the tests in a directory have examples.
func hasExamples(dir string) (bool, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return false, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return false, err
		}
		if strings.Contains(string(text), "\nfunc Example") {
			return true, nil
		}
	}
	return false, nil
}
