package secretvet

import (
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// call follows values into and out of a call.
func (u *unit) call(i ssa.CallInstruction) {
	c := i.Common()
	if b, ok := c.Value.(*ssa.Builtin); ok {
		u.builtin(i, b.Name(), c.Args)
		return
	}
	all := u.targets(c)
	for _, t := range all {
		u.reach(i, t)
	}
	if len(all) == 0 {
		u.callValue(i, c)
	}
}

// callValue follows a call of a function value that is not known.
func (u *unit) callValue(i ssa.CallInstruction, c *ssa.CallCommon) {
	for _, f := range u.parametersIn(c.Value) {
		number, ours := u.param(root{f, 0})
		for n, a := range c.Args {
			switch got := u.read(a); {
			case ours:
				u.noteCalls(number, n, got)
			default:
				u.yield(f.Parent(), got.under(argumentOf(n)))
			}
		}
	}
	given := u.read(c.Value)
	for _, a := range c.Args {
		for _, f := range u.functionsIn(a) {
			for n := range 2 {
				u.lend(i, f, n, u.k.at(given, argumentOf(n)))
			}
		}
	}
	for n := range c.Signature().Results().Len() {
		u.giveResult(i, n, u.k.at(given, resultOf(n)))
	}
	u.fill(c.Args)
}

// yield notes what a function literal passes to a parameter.
func (u *unit) yield(f *ssa.Function, t taint) {
	if u.yields[f] == nil {
		u.yields[f] = taint{}
	}
	u.changed = u.yields[f].merge(t) || u.changed
}

// noteCalls notes that the unit's function passes t to its parameter.
func (u *unit) noteCalls(param, arg int, t taint) {
	for _, p := range t.sorted() {
		c := callFlow{Param: param, Arg: arg, From: flow{p.path, *p.from}}
		if p.from.Kind != ofWriter && !slices.Contains(u.sum.Calls, c) && len(u.sum.Calls) < maxPairs {
			u.sum.Calls = append(u.sum.Calls, c)
			u.changed = true
		}
	}
}

// lend follows t into the parameter n of a function that other code calls.
func (u *unit) lend(i ssa.Instruction, f target, n int, t taint) {
	if len(t) == 0 {
		return
	}
	n += len(f.args)
	if f.fn != nil {
		if n < len(f.fn.Params) {
			u.give(root{f.fn.Params[n], 0}, t)
		}
		return
	}
	s := u.summaryOf(f.obj)
	if s == nil {
		u.lendUnknown(i, f, t)
		return
	}
	for _, k := range s.Sinks {
		if k.Param == n && !u.reportsItself(f.obj, n-len(f.args)) {
			u.showTaint(i, u.k.at(t, k.Path).flat(), u.through(k.Sink, f.obj), -1)
		}
	}
}

// lendUnknown follows t into a function of a table that other code calls, such as slog.Info as a
// callback.
func (u *unit) lendUnknown(i ssa.Instruction, f target, t taint) {
	if s, ok := sinks[funcName(f.obj)]; ok && s.writer < 0 {
		u.showTaint(i, t.flat(), sinkRef{Name: shortName(f.obj), Class: s.class, Mode: s.mode}, -1)
	}
}

// reach follows a call to one function.
func (u *unit) reach(i ssa.CallInstruction, t target) {
	if t.fn != nil {
		u.reachLiteral(i, t)
		return
	}
	name := funcName(t.obj)
	if u.reachKnown(i, t, name) {
		return
	}
	if s := u.summaryOf(t.obj); s != nil {
		u.apply(i, t, s)
		return
	}
	if t.method && u.dispatch(i, t) {
		return
	}
	u.reachOther(i, t, name)
}

func (u *unit) reachLiteral(i ssa.CallInstruction, t target) {
	for n, a := range t.args {
		if n < len(t.fn.Params) {
			p := root{t.fn.Params[n], 0}
			u.give(p, u.read(a))
			if _, ok := a.Type().Underlying().(*types.Signature); ok {
				at := spot{p, ""}
				if !slices.Contains(u.k.functions[at], a) {
					u.k.functions[at] = append(u.k.functions[at], a)
					u.changed = true
				}
			}
		}
	}
	for n, r := range u.returns[t.fn] {
		u.giveResult(i, n, r)
	}
}

// giveResult adds to what a call returns.
func (u *unit) giveResult(i ssa.CallInstruction, n int, t taint) {
	if v := i.Value(); v != nil {
		u.give(root{v, n}, t)
	}
}

// summaryOf returns what is known of a function that was examined, or nil.
func (u *unit) summaryOf(f *types.Func) *summary {
	f = f.Origin()
	if c := u.k.byFunc[f]; c != nil {
		c.callers[u] = true
		return c.sum
	}
	if s := u.k.im.funcs[funcName(f)]; s != nil {
		return s
	}
	if f.Pkg() != nil && f.Pkg() != u.k.pass.Pkg && u.k.examined(f) {
		return &summary{}
	}
	return nil
}

// apply uses the summary of a function.
func (u *unit) apply(i ssa.CallInstruction, t target, s *summary) {
	for _, k := range s.Sinks {
		n := k.Param
		if t.method {
			n--
		}
		if k.Param < len(t.args) && !u.reportsItself(t.obj, n) {
			u.applySink(i, t, k)
		}
	}
	if !hides(t.obj.Name()) {
		for n, list := range s.Results {
			for _, f := range list {
				got := u.flowing(t.args, f)
				u.giveResult(i, n, got)
				u.noteResultCandidates(t.obj, n, got)
			}
		}
	}
	for n, list := range s.Outs {
		if n >= len(t.args) {
			break
		}
		for _, f := range list {
			to := sinkRef{Name: "what " + shortName(t.obj) + " writes"}
			u.store(i, t.args[n], f, u.flowing(t.args, f), to, t.number(f.From))
		}
	}
	for _, o := range s.options {
		for _, p := range u.flowing(t.args, flow{From: o.from}).sorted() {
			u.k.noteCandidate(o.owner, o.field, p.from)
			if p.from.Kind == ofParam {
				u.noteOption(optionFlow{o.owner, o.field, *p.from})
			}
		}
	}
	for _, c := range s.Calls {
		if c.Param < len(t.args) {
			for _, f := range u.functionsIn(t.args[c.Param]) {
				u.lend(i, f, c.Arg, u.flowing(t.args, c.From))
			}
			u.passOn(t.args[c.Param], c, u.flowing(t.args, c.From))
		}
	}
}

// reportsItself reports whether a sink of parameter n is found in the function f itself,
// since the parameter's type says that it is secret.
func (u *unit) reportsItself(f *types.Func, n int) bool {
	sig := f.Signature()
	if u.k.byFunc[f.Origin()] == nil {
		return false
	}
	if n < 0 {
		return sig.Recv() != nil && u.k.secretType(sig.Recv().Type())
	}
	return n < sig.Params().Len() && u.k.secretType(sig.Params().At(n).Type())
}

// passOn notes that a parameter of the unit's function is called by another function.
func (u *unit) passOn(f ssa.Value, c callFlow, t taint) {
	for _, p := range u.parametersIn(f) {
		if n, ok := u.param(root{p, 0}); ok {
			u.noteCalls(n, c.Arg, t)
		}
	}
}

// flowing returns what comes through a flow from a call's arguments.
func (u *unit) flowing(args []ssa.Value, f flow) taint {
	if f.From.Kind != ofParam {
		return taint{pair{f.To, u.k.intern(f.From)}: true}
	}
	if f.From.Param >= len(args) {
		return nil
	}
	return u.k.at(u.read(args[f.From.Param]), f.From.Path).under(f.To)
}

// store puts what a call leaves behind a parameter into the argument arg. from is the number
// of the argument that it comes from, or -1.
func (u *unit) store(i ssa.Instruction, arg ssa.Value, f flow, t taint, to sinkRef, from int) {
	if len(t) == 0 {
		return
	}
	if o := u.k.at(u.read(arg), f.To).writer(); o != nil {
		to.Class = class(o.What)
		u.showTaint(i, t, to, from)
		return
	}
	u.assign(u.placeOf(arg), t, arg.Type(), i)
}

// noteResultCandidates notes a secret in a field of a struct that a function of the package makes.
func (u *unit) noteResultCandidates(f *types.Func, n int, t taint) {
	typ := f.Signature().Results().At(n).Type()
	s := structOf(typ)
	if s == nil {
		return
	}
	for _, p := range t.sorted() {
		if name, ok := strings.CutPrefix(p.path, "."); ok {
			if field, _ := fieldOf(s, name); field != nil {
				u.k.noteCandidate(typ, field, p.from)
			}
		}
	}
}

func (u *unit) applySink(i ssa.CallInstruction, t target, k sinkFlow) {
	to := u.through(k.Sink, t.obj)
	arg := t.args[k.Param]
	n := k.Param
	if t.method {
		n--
	}
	if k.Path != "" {
		u.showTaint(i, u.k.at(u.read(arg), k.Path).flat(), to, n)
		return
	}
	if parts := elements(arg); parts != nil {
		for j, part := range parts {
			u.show(i, part, to, n+j)
		}
		return
	}
	u.show(i, arg, to, n)
}

// through returns a sink as reached through a function.
func (u *unit) through(s sinkRef, f *types.Func) sinkRef {
	if !strings.Contains(s.Name, " in ") {
		s.Name += " in " + shortName(f)
	}
	return s
}
