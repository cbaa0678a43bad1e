package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestListing(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.org/m\n\ngo 1.26\n",
		"b/b.go": `// Package b is described at length.
package b

import "io"

// Answer is one.
const Answer, hidden = 42, 43

// ErrBad says so.
var ErrBad error

// A T has fields.
type T struct {
	// Name is said.
	Name string

	secret string
}

// NewT makes one.
func NewT(r io.Reader) (*T, error) { return nil, nil }

// Do does.
func (t *T) Do() error { return nil }
func (t *T) undo()     {}

// Map maps.
func Map[K comparable, V any](m map[K]V, f func(V) V) {}

func help() {}
`,
		"b/b_test.go":          "package b\n\nfunc Tested() {}\n",
		"a/a.go":               "package a\n\n// I is one.\ntype I interface {\n\tM() // does\n\tn()\n}\n",
		"a/internal/deep/d.go": "package deep\n\nfunc Deep() {}\n",
		"cmd/main.go":          "package main\n\nfunc main() {}\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const want = `package a // example.org/m/a

type I interface {
	M()
	// contains filtered or unexported methods
}

package b // example.org/m/b
const Answer, _ = 42, 43
var ErrBad error
func Map[K comparable, V any](m map[K]V, f func(V) V)

type T struct {
	Name string
	// contains filtered or unexported fields
}
func NewT(r io.Reader) (*T, error)
func (t *T) Do() error
`
	var got bytes.Buffer
	if err := list(&got, dir); err != nil {
		t.Fatal(err)
	}
	if got.String() != want {
		t.Errorf("listing is\n%s\nwant\n%s", got.String(), want)
	}
}
