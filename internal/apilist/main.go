// Command apilist prints the public API of the module in the current directory:
// every exported declaration of every package that is neither internal nor a
// program, with signatures and without bodies or comments, in a stable order. The listing
// is checked in as api.txt, so that a review shows each change of the API:
//
//	go run ./internal/apilist > api.txt
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	err := list(out, ".")
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "apilist:", err)
		os.Exit(1)
	}
}

// A pkg is what go list prints about a package.
type pkg struct {
	Dir, ImportPath, Name string
	GoFiles               []string
}

func list(w io.Writer, dir string) error {
	cmd := exec.Command("go", "list", "-json=Dir,ImportPath,Name,GoFiles", "./...")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if p.Name != "main" && !slices.Contains(strings.Split(p.ImportPath, "/"), "internal") {
			pkgs = append(pkgs, p)
		}
	}
	slices.SortFunc(pkgs, func(a, b pkg) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	for i, p := range pkgs {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := p.print(w); err != nil {
			return fmt.Errorf("%s: %w", p.ImportPath, err)
		}
	}
	return nil
}

func (p pkg) print(w io.Writer) error {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		// Comments are not parsed: their sentences are no part of the API.
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil
	}
	d, err := doc.NewFromFiles(fset, files, p.ImportPath)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "package %s // %s\n", d.Name, d.ImportPath)

	l := lister{w: w, fset: fset}
	l.values(d.Consts)
	l.values(d.Vars)
	l.funcs(d.Funcs)
	for _, t := range d.Types {
		fmt.Fprintln(w)
		l.decl(t.Decl)
		l.values(t.Consts)
		l.values(t.Vars)
		l.funcs(t.Funcs)
		l.funcs(t.Methods)
	}
	return l.err
}

// A lister prints declarations up to the first error.
type lister struct {
	w    io.Writer
	fset *token.FileSet
	err  error
}

func (l *lister) values(values []*doc.Value) {
	for _, v := range values {
		l.decl(v.Decl)
	}
}

func (l *lister) funcs(funcs []*doc.Func) {
	for _, f := range funcs {
		f.Decl.Body = nil
		l.decl(f.Decl)
	}
}

// aligned matches the blanks that the printer puts between columns. Their number depends on
// the comments between the lines.
var aligned = regexp.MustCompile(` {2,}`)

// decl prints one declaration without alignment and blank lines, so that the listing
// changes only when the API does.
func (l *lister) decl(node ast.Node) {
	if l.err != nil {
		return
	}
	var buf bytes.Buffer
	cfg := printer.Config{Mode: printer.UseSpaces | printer.TabIndent, Tabwidth: 8}
	if l.err = cfg.Fprint(&buf, l.fset, node); l.err != nil {
		return
	}
	for line := range strings.Lines(buf.String()) {
		if strings.TrimSpace(line) != "" {
			fmt.Fprintln(l.w, aligned.ReplaceAllString(strings.TrimRight(line, "\n"), " "))
		}
	}
}
