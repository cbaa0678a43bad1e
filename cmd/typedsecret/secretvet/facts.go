package secretvet

import (
	"fmt"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"
)

// packageFact is what packages that import this one must know of it. Names are full
// ones: "path.Func", "path.Type.Method", "path.Type.Field". All lists are sorted, since
// facts must be the same for the same package.
type packageFact struct {
	Types   []string         // the T of New[T] or NewByID[T]; also of other packages
	Public  []string         // fields with //typedsecret:public
	Fields  []about[origin]  // fields that a secret is stored in
	Globals []about[[]flow]  // exported variables that hold a secret
	Funcs   []about[summary] // functions that give, take or show secrets

	Environment []about[origin] // variables of the process's environment that hold a secret
}

// about says something of what has a name.
type about[V any] struct {
	Name string
	What V
}

func (*packageFact) AFact() {}

func (f *packageFact) String() string {
	var funcs []string
	for _, a := range f.Funcs {
		funcs = append(funcs, a.Name)
	}
	return fmt.Sprintf("types %v public %v fields %v funcs %v", f.Types, f.Public, f.Fields, funcs)
}

func (f *packageFact) empty() bool {
	return len(f.Types)+len(f.Public)+len(f.Fields)+len(f.Globals)+len(f.Funcs)+len(f.Environment) == 0
}

// A summary is what a caller must know of a function. The receiver is parameter 0 of a
// method.
type summary struct {
	Results [][]flow   // for each result
	Outs    [][]flow   // for each parameter: what is stored behind it
	Sinks   []sinkFlow // parameters that the function shows
	Calls   []callFlow // parameters that it calls with a secret

	options []optionFlow // known in this package only
}

// An optionFlow says that a function makes a function literal which stores the parameter from in a
// field: WithPassword(p) returns one that stores p in the options that it is given.
type optionFlow struct {
	owner types.Type
	field *types.Var
	from  origin
}

// A flow is a way from the place From to the path To of a result or parameter.
type flow struct {
	To   path
	From origin // ofParam, or a secret
}

// A sinkFlow is a way from a parameter to a sink.
type sinkFlow struct {
	Param int
	Path  path
	Sink  sinkRef
}

// A callFlow says that the function calls its parameter Param, and that what is in From
// becomes the argument Arg.
type callFlow struct {
	Param, Arg int
	From       flow
}

func (s *summary) empty() bool {
	some := func(lists [][]flow) bool {
		return slices.ContainsFunc(lists, func(l []flow) bool { return len(l) > 0 })
	}
	return !some(s.Results) && !some(s.Outs) && len(s.Sinks)+len(s.Calls)+len(s.options) == 0
}

// size grows with what is known. A summary only ever grows.
func (s *summary) size() int {
	n := len(s.Sinks) + len(s.Calls) + len(s.options)
	for _, l := range s.Results {
		n += len(l)
	}
	for _, l := range s.Outs {
		n += len(l)
	}
	return n
}

// imported is what is known of all imported packages.
type imported struct {
	types, public map[string]bool
	fields        map[string]origin
	globals       map[string][]flow
	funcs         map[string]*summary
	packages      map[string]bool // that have facts
	environment   []about[origin]
}

func importFacts(pass *analysis.Pass) *imported {
	im := &imported{
		types: map[string]bool{}, public: map[string]bool{}, fields: map[string]origin{},
		globals: map[string][]flow{}, funcs: map[string]*summary{},
		packages: map[string]bool{},
	}
	for _, pf := range pass.AllPackageFacts() {
		f, ok := pf.Fact.(*packageFact)
		if !ok {
			continue
		}
		im.packages[pf.Package.Path()] = true
		for _, t := range f.Types {
			im.types[t] = true
		}
		for _, p := range f.Public {
			im.public[p] = true
		}
		for _, a := range f.Fields {
			im.fields[a.Name] = a.What
		}
		for _, a := range f.Globals {
			im.globals[a.Name] = a.What
		}
		im.environment = append(im.environment, f.Environment...)
		for i := range f.Funcs {
			im.funcs[f.Funcs[i].Name] = &f.Funcs[i].What
		}
	}
	return im
}

// export returns the summary for importers. If the function is another module's, the summary has
// only which secrets the function gives, which text it makes of text, and which of its parameters
// it logs: the other ways inside it are long, and not the program's to mend.
func (s *summary) export(dependency bool) *summary {
	if !dependency {
		return s
	}
	e := &summary{}
	for _, list := range s.Results {
		e.Results = append(e.Results, slices.DeleteFunc(slices.Clone(list), func(f flow) bool {
			return f.From.Kind == ofParam && f.To+f.From.Path != ""
		}))
	}
	for _, list := range s.Outs {
		e.Outs = append(e.Outs, slices.DeleteFunc(slices.Clone(list), func(f flow) bool {
			return f.From.Kind == ofParam
		}))
	}
	for _, f := range s.Sinks {
		if f.Path == "" && f.Sink.Class == classLog {
			e.Sinks = append(e.Sinks, f)
		}
	}
	return e
}
