package handles

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// A Config says where and how a program is loaded.
type Config struct {
	Dir  string   // the folder in which patterns are relative; "" is the present one
	Tags string   // the build tags, with commas between them
	Env  []string // the environment of the go command; nil is that of this process
}

// ErrProgram is the error of a program that cannot be loaded: a pattern that matches nothing,
// or code that does not compile.
var ErrProgram = errors.New("can't load the program")

// Find loads the packages that the patterns name and those of their imports that use
// typedsecret, and finds their handles. Tests are left out.
func Find(ctx context.Context, cfg Config, patterns ...string) (*Program, error) {
	if cfg.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		cfg.Dir = dir
	}
	roots, users, err := usersOf(ctx, cfg, patterns)
	if err != nil {
		return nil, err
	}
	p := &Program{Roots: roots, Dir: cfg.Dir}
	if len(users) == 0 {
		return p, nil
	}
	// The users are all the packages that can see a type of typedsecret. So each is loaded
	// from source, and what they import besides from the compiler's export data, which is
	// much faster.
	pkgs, err := load(ctx, cfg, packages.NeedName|packages.NeedFiles|packages.NeedCompiledGoFiles|packages.NeedImports|
		packages.NeedModule|packages.NeedTypes|packages.NeedTypesSizes|packages.NeedSyntax|packages.NeedTypesInfo, users)
	if err != nil {
		return nil, err
	}
	newSearch(p, pkgs).run()
	return p, nil
}

// usersOf returns the packages that the patterns name, and what to load: these and their
// imports, as far as they import typedsecret.
func usersOf(ctx context.Context, cfg Config, patterns []string) (roots, users []string, err error) {
	pkgs, err := load(ctx, cfg, packages.NeedName|packages.NeedFiles|packages.NeedImports|packages.NeedDeps|packages.NeedModule, patterns)
	if err != nil {
		return nil, nil, err
	}
	uses := map[*packages.Package]bool{}
	var visit func(p *packages.Package) bool
	visit = func(p *packages.Package) bool {
		used, known := uses[p]
		if known || p.PkgPath == Library {
			return used || p.PkgPath == Library
		}
		uses[p] = false
		for _, dep := range p.Imports {
			used = visit(dep) || used
		}
		uses[p] = used
		return used
	}
	for _, p := range pkgs {
		visit(p)
		roots = append(roots, p.PkgPath)
		if p.PkgPath == "command-line-arguments" && uses[p] {
			users = slices.Clone(patterns) // files
		}
	}
	for p, used := range uses {
		if used && p.PkgPath != "command-line-arguments" {
			users = append(users, p.PkgPath)
		}
	}
	slices.Sort(users)
	return roots, users, nil
}

func load(ctx context.Context, cfg Config, mode packages.LoadMode, patterns []string) ([]*packages.Package, error) {
	conf := &packages.Config{Context: ctx, Mode: mode, Dir: cfg.Dir, Env: cfg.Env}
	if cfg.Tags != "" {
		conf.BuildFlags = []string{"-tags=" + cfg.Tags}
	}
	pkgs, err := packages.Load(conf, patterns...)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrProgram, firstLine(err.Error()))
	}
	if len(pkgs) == 0 {
		return nil, fmt.Errorf("%w: no package matches %s", ErrProgram, strings.Join(patterns, " "))
	}
	var texts []string
	packages.Visit(pkgs, nil, func(p *packages.Package) {
		for _, e := range p.Errors {
			// The compiler and the type checker may say the same, and the go command adds headings.
			if text := firstLine(e.Error()); !strings.HasPrefix(text, "#") && !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
		}
	})
	switch n := len(texts); {
	case n > 0 && strings.Contains(texts[0], "does not contain main module"):
		return nil, fmt.Errorf("%w: there is no go.mod in %s or above it; go to the folder of the program", ErrProgram, cfg.Dir)
	case n == 1:
		return nil, fmt.Errorf("%w: %s", ErrProgram, texts[0])
	case n > 1:
		return nil, fmt.Errorf("%w: %s (and %d more)", ErrProgram, texts[0], n-1)
	}
	return pkgs, nil
}

// firstLine returns the first line of a message of the go command that says something.
func firstLine(text string) string {
	text = strings.TrimPrefix(text, "err: exit status 1: stderr: ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			return strings.TrimPrefix(line, "-: ")
		}
	}
	return strings.TrimSpace(text)
}
