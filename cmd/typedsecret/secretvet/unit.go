package secretvet

import (
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// A unit is a declared function with the function literals in it, which share variables.
// What a variable holds is followed without regard to the order of statements, except that
// what is overwritten by a constant is gone.
type unit struct {
	k       *checker
	obj     *types.Func // nil for the package's initialisation
	fn      *ssa.Function
	fns     []*ssa.Function
	sum     *summary
	callers map[*unit]bool

	taints    map[root]taint
	places    map[ssa.Value]*place
	bindings  map[*ssa.FreeVar]ssa.Value
	returns   map[*ssa.Function][]taint
	yields    map[*ssa.Function]taint // what literals pass to their parameters
	filled    map[*ssa.Alloc]bool     // by code that is not known
	writes    map[root][]write        // of secrets
	cleanings map[root][]write        // of constants
	written   map[write]bool
	changed   bool
	final     bool // report, now that all is known
}

// maxPairs bounds what is known of a root: of a value with more parts the rest is unknown.
const maxPairs = 256

type write struct {
	path path
	at   ssa.Instruction
}

func (k *checker) addUnit(f *ssa.Function, obj *types.Func) {
	u := &unit{
		k: k, obj: obj, fn: f, sum: newSummary(f), callers: map[*unit]bool{},
		taints: map[root]taint{}, places: map[ssa.Value]*place{}, bindings: map[*ssa.FreeVar]ssa.Value{},
		returns: map[*ssa.Function][]taint{}, filled: map[*ssa.Alloc]bool{}, yields: map[*ssa.Function]taint{},
		writes: map[root][]write{}, cleanings: map[root][]write{}, written: map[write]bool{},
	}
	u.addFunction(f)
	u.prepare()
	k.units = append(k.units, u)
	if obj != nil {
		k.byFunc[obj] = u
	}
}

func newSummary(f *ssa.Function) *summary {
	return &summary{
		Results: make([][]flow, f.Signature.Results().Len()),
		Outs:    make([][]flow, len(f.Params)),
	}
}

func (u *unit) addFunction(f *ssa.Function) {
	u.fns = append(u.fns, f)
	u.returns[f] = make([]taint, f.Signature.Results().Len())
	for i := range u.returns[f] {
		u.returns[f][i] = taint{}
	}
	for _, a := range f.AnonFuncs {
		u.addFunction(a)
	}
}

// prepare notes what does not depend on secrets: what closures capture, which variables
// hold functions, where constants are stored.
func (u *unit) prepare() {
	u.eachInstruction(func(i ssa.Instruction) {
		if c, ok := i.(*ssa.MakeClosure); ok {
			for n, v := range c.Fn.(*ssa.Function).FreeVars {
				u.bindings[v] = c.Bindings[n]
			}
		}
	})
	u.eachInstruction(func(i ssa.Instruction) {
		switch i := i.(type) {
		case *ssa.Store:
			u.prepareStore(i)
		case *ssa.MapUpdate:
			if clean(i.Value) {
				p := u.placeOf(i.Map).at(key(i.Key))
				u.cleanings[p.root] = append(u.cleanings[p.root], write{p.path, i})
			}
		}
	})
}

func (u *unit) prepareStore(s *ssa.Store) {
	p := u.placeOf(s.Addr)
	if clean(s.Val) {
		u.cleanings[p.root] = append(u.cleanings[p.root], write{p.path, s})
	}
	if _, ok := s.Val.Type().Underlying().(*types.Signature); ok {
		u.k.functions[spot{p.root, p.path}] = append(u.k.functions[spot{p.root, p.path}], s.Val)
	}
	if a, ok := s.Addr.(*ssa.FieldAddr); ok {
		if n := named(a.X.Type()); n != nil && n.Obj().Pkg() == u.k.pass.Pkg {
			name := fieldName(n, structOf(n).Field(a.Field))
			u.k.stores[name] = append(u.k.stores[name], fieldStore{u, s.Val})
		}
	}
}

// clean reports whether v is made of constants alone.
func clean(v ssa.Value) bool {
	switch v := v.(type) {
	case *ssa.Const:
		return true
	case *ssa.MakeInterface:
		return clean(v.X)
	case *ssa.Convert:
		return clean(v.X)
	case *ssa.BinOp:
		return v.Op == token.ADD && clean(v.X) && clean(v.Y)
	case *ssa.Call:
		f := v.Call.StaticCallee()
		return f != nil && f.Name() == "Repeat" && clean(v.Call.Args[0]) || f != nil && hides(f.Name())
	}
	return false
}

// neutral reports whether a store of v does not speak against a field's being secret.
func (u *unit) neutral(v ssa.Value) bool {
	if clean(v) {
		return true
	}
	for p := range u.read(v) {
		if p.from.Kind != ofWriter {
			return true
		}
	}
	if c, ok := v.(*ssa.Call); ok {
		if f := callee(&c.Call); f != nil && funcName(f) == "os.Getenv" {
			return true
		}
	}
	return false
}

func (u *unit) eachInstruction(do func(ssa.Instruction)) {
	for _, f := range u.fns {
		for _, b := range f.Blocks {
			for _, i := range b.Instrs {
				do(i)
			}
		}
	}
}

// settle follows values until nothing new is found.
func (u *unit) settle() {
	for range 20 {
		u.changed = false
		u.eachInstruction(u.follow)
		u.summarise()
		if !u.changed {
			return
		}
	}
}

// follow passes on what an instruction's operands hold.
func (u *unit) follow(i ssa.Instruction) {
	switch i := i.(type) {
	case *ssa.Store:
		u.assign(u.placeOf(i.Addr), u.read(i.Val), i.Val.Type(), i)
		if a, ok := i.Addr.(*ssa.FieldAddr); ok {
			if name := fieldName(a.X.Type(), structOf(a.X.Type()).Field(a.Field)); answers[name] {
				u.show(i, i.Val, sinkRef{Name: "an HTTP response", Class: classResponse}, -1)
			}
		}
	case *ssa.MapUpdate:
		u.assign(u.placeOf(i.Map).at(keysPath), u.read(i.Key), i.Key.Type(), i)
		u.assign(u.placeOf(i.Map).at(key(i.Key)), u.read(i.Value), i.Value.Type(), i)
	case *ssa.Send:
		u.assign(u.placeOf(i.Chan).at("[]"), u.read(i.X), i.X.Type(), i)
	case *ssa.Phi:
		for _, e := range i.Edges {
			u.give(root{i, 0}, u.read(e))
		}
	case *ssa.BinOp:
		if i.Op == token.ADD && textual(i.Type()) {
			u.give(root{i, 0}, u.read(i.X).flat())
			u.give(root{i, 0}, u.read(i.Y).flat())
		}
	case *ssa.Return:
		u.followReturn(i)
	case *ssa.Panic:
		u.show(i, i.X, sinkRef{Name: "panic", Class: classPanic, Mode: asPanic}, -1)
	case *ssa.ChangeType:
		if typeName(named(i.Type())) == "expvar.Func" {
			u.showResults(i, i.X, sinkRef{Name: "expvar.Func", Class: classResponse, Mode: asJSON})
		}
	case ssa.CallInstruction:
		u.call(i)
	}
}

func (u *unit) followReturn(r *ssa.Return) {
	to := u.returns[r.Parent()]
	for n, v := range r.Results {
		u.changed = to[n].merge(u.read(v)) || u.changed
	}
}

// give adds to what a root holds.
func (u *unit) give(r root, t taint) {
	if len(t) == 0 {
		return
	}
	if g, ok := r.value.(*ssa.Global); ok {
		u.giveGlobal(g, t)
		return
	}
	if u.taints[r] == nil {
		u.taints[r] = taint{}
	}
	if len(u.taints[r]) > maxPairs {
		return
	}
	u.changed = u.taints[r].merge(t) || u.changed
}

// giveGlobal tells all units of a secret in a package's variable.
func (u *unit) giveGlobal(g *ssa.Global, t taint) {
	if u.k.publicVars[g.Object()] {
		return
	}
	if u.k.globals[g] == nil {
		u.k.globals[g] = taint{}
	}
	for p := range t {
		if p.from.Kind != ofParam && u.k.globals[g].add(p) {
			u.k.changed = true
		}
	}
}

// global returns what a package's variable holds.
func (k *checker) global(g *ssa.Global) taint {
	if g.Pkg.Pkg == k.pass.Pkg {
		return k.globals[g]
	}
	if t, ok := k.globals[g]; ok {
		return t
	}
	t := taint{}
	name := globalName(g)
	if name == "os.Stdout" || name == "os.Stderr" {
		t[pair{"", k.writer(classLog)}] = true
	}
	for _, f := range k.im.globals[name] {
		t[pair{f.To, k.intern(f.From)}] = true
	}
	k.globals[g] = t
	return t
}

// assign stores t, of a value of type typ, at a place.
func (u *unit) assign(p *place, t taint, typ types.Type, at ssa.Instruction) {
	if len(t) == 0 {
		return
	}
	if len(u.cleanings[p.root]) > 0 {
		t = u.k.spreadTaint(t, typ)
	}
	if w := (write{p.path, at}); !u.written[w] {
		u.written[w] = true
		u.writes[p.root] = append(u.writes[p.root], w)
	}
	if n := len(p.steps); n > 0 {
		s := p.steps[n-1]
		if u.k.publicVars[s.field.Origin()] {
			return
		}
		if p.path == join(s.before, fieldPath(s.field.Name())) {
			u.noteField(p.root, s, t)
		}
	}
	u.give(p.root, t.under(p.path))
}

// noteField notes what is stored in a field of a value.
func (u *unit) noteField(of root, s step, t taint) {
	for _, q := range t.sorted() {
		u.k.noteCandidate(s.owner, s.field, q.from)
		if v, ok := of.value.(*ssa.Parameter); ok && v.Parent() != u.fn && q.from.Kind == ofParam {
			u.noteOption(optionFlow{s.owner, s.field, *q.from})
		}
	}
}

func (u *unit) noteOption(o optionFlow) {
	if !slices.Contains(u.sum.options, o) {
		u.sum.options = append(u.sum.options, o)
		u.changed = true
	}
}

// summarise brings the unit's summary up to date.
func (u *unit) summarise() {
	for n, t := range u.returns[u.fn] {
		u.sum.Results[n] = mergeFlows(u.sum.Results[n], t, -1)
	}
	for n, p := range u.fn.Params {
		u.sum.Outs[n] = mergeFlows(u.sum.Outs[n], u.taints[root{p, 0}], n)
	}
}

// mergeFlows adds t to a list, except what comes from the parameter itself.
func mergeFlows(list []flow, t taint, self int) []flow {
	if len(t) == len(list) {
		return list
	}
	list = list[:0]
	for _, p := range t.sorted() {
		if p.from.Kind == ofParam && p.from.Param == self {
			continue
		}
		list = append(list, flow{p.path, *p.from})
	}
	return list
}
