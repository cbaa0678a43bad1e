// Package handles finds the handles of a program without running it. A handle is what
// typedsecret.New, typedsecret.NewByID or Set.Fill makes. The packages are loaded by
// go/packages, and their types are go/types'.
//
// An ID is rarely far from the call that it is given to, so the search is simple. It follows
// constants, variables, fields, concatenations, fmt.Sprintf and the calls of the program's own
// functions. It does not follow the order of statements: a variable may be each value that
// is assigned to it. A part that the search can't tell is a [Hole], which says where the value comes from.
//
// A function that passes its parameters to New makes no handle by itself. Each call of it
// makes one, with the arguments and the type arguments of that call.
package handles

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/packages"
)

// Library is the import path of typedsecret.
const Library = "github.com/typedsecret/typedsecret"

// A Kind says how a handle was made.
type Kind string

// The kinds of handles.
const (
	New     Kind = "New"     // typedsecret.New
	NewByID Kind = "NewByID" // typedsecret.NewByID: its IDs are those of the calls of its methods
	Fill    Kind = "Fill"    // Set.Fill, by a field's tag
	Ref     Kind = "Ref"     // no handle: Get or Refresh of a cache.Cache, which gives the bytes
)

// A Handle is one handle of the program. It may be of several secrets, if the program
// chooses between IDs.
type Handle struct {
	Kind Kind

	// IDs are the secrets, with the prefix of the Set. There is at least one.
	IDs []Text

	// Type is the T of the handle. If it has type parameters, no call that gives them was found.
	// It is nil if there is no T.
	Type types.Type

	// Options are those of the call, after those of the Set.
	Options []Option

	// Set is the name of the handle's Set, or "".
	Set string

	// Package is where Position is, or the call of Fill.
	Package *packages.Package

	// Position is that of the call. If functions of the program lead to New, it is that of the
	// outermost call, and Via has the calls inside.
	Position token.Position
	Via      []token.Position

	search *search
}

// Find returns the package of the program that has these types, or nil if it was not loaded from
// source.
func (h *Handle) Find(p *types.Package) *packages.Package {
	for _, pkg := range h.search.pkgs {
		if pkg.Types == p {
			return pkg
		}
	}
	return nil
}

// An Option is one that a handle is made with.
type Option struct {
	// Name is WithStage, say. It is "" if the expression is not the call of a function of
	// typedsecret; Source is then all that is known.
	Name string

	// Args are what is known of the arguments that are strings.
	Args []Text

	// Source is the expression in Go.
	Source string

	// Conditional says that the handle may be without the option.
	Conditional bool

	// Arg is the first argument, which stands in Package. It is nil if there is none.
	Arg     ast.Expr
	Package *packages.Package
}

// Option returns the last option of this name, which is the one that counts, or nil.
func (h *Handle) Option(name string) *Option {
	for i := len(h.Options) - 1; i >= 0; i-- {
		if h.Options[i].Name == name {
			return &h.Options[i]
		}
	}
	return nil
}

// text returns what the option of this name was given, or byDefault.
func (h *Handle) text(name, byDefault string) Text {
	if o := h.Option(name); o != nil && len(o.Args) > 0 {
		return o.Args[0]
	}
	return literal(byDefault)
}

// Stage returns the stage that the handle reads; "" is the cache's default, AWSCURRENT.
func (h *Handle) Stage() Text { return h.text("WithStage", "") }

// VersionID returns the version that the handle reads, or "".
func (h *Handle) VersionID() Text { return h.text("WithVersionID", "") }

// Key returns the key that the handle reads, or "" for the whole secret.
func (h *Handle) Key() Text { return h.text("WithKey", "") }

// A Program has the handles of packages and of what they import.
type Program struct {
	// Roots are the packages that the patterns named.
	Roots []string

	Handles []Handle

	// Batches are the calls that fetch many secrets together: Preload, Set.Preload and
	// Preloader.Preload.
	Batches []token.Position

	// Registered are the types that codec.Register gives a codec of their own.
	Registered []types.Type

	// Dir is the folder that the program was loaded in.
	Dir string
}
