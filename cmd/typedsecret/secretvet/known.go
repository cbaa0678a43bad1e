package secretvet

import (
	"go/types"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// reachKnown follows a call to a function of the tables. It reports false if there is no
// more to say of the function than its code does.
func (u *unit) reachKnown(i ssa.CallInstruction, t target, name string) bool {
	if s, ok := sinks[name]; ok {
		u.sinkCall(i, t, s)
		return true
	}
	if givers[name] {
		u.giveSecret(i, t, "")
		return true
	}
	if sdkCall[t.obj.Name()] && u.giveAnswer(i, t) {
		return false
	}
	if outputs[name] {
		u.giveResult(i, 0, taint{pair{"", u.k.writer(classLog)}: true})
		return true
	}
	if name == watch {
		u.giveSecret(i, t, argumentOf(0))
		return true
	}
	if n, ok := lenders[name]; ok {
		if args := t.plain(); n < len(args) {
			u.lendSecret(i, t, args[n])
		}
		return true
	}
	if u.move(i, t, name) || u.decode(i, t, name) || u.format(i, t, name) {
		return true
	}
	return u.special(i, t, name)
}

// giveSecret makes the first result of a call a secret.
func (u *unit) giveSecret(i ssa.CallInstruction, t target, at path) {
	typ := t.obj.Signature().Results().At(0).Type()
	if v := i.Value(); v != nil && at == "" {
		typ = v.Type()
		if tuple, ok := typ.(*types.Tuple); ok {
			typ = tuple.At(0).Type()
		}
	}
	if at != "" {
		typ = yielded(i)
	}
	u.giveResult(i, 0, u.secret(i, typ).under(at))
}

// giveAnswer makes what is secret in an answer of the SDK come from the call.
func (u *unit) giveAnswer(i ssa.CallInstruction, t target) bool {
	results := t.obj.Signature().Results()
	if results.Len() == 0 {
		return false
	}
	typ := results.At(0).Type()
	answer := taint{}
	for p := range u.k.typePairs(typ) {
		if p.from.Kind == ofType {
			o := u.callOrigin(i)
			answer[pair{p.path, o}] = true
		}
	}
	u.giveResult(i, 0, answer)
	return true
}

func (u *unit) callOrigin(i ssa.CallInstruction) *origin {
	what := "secret"
	if e := u.k.expression(i, -1); e != nil {
		what = types.ExprString(e)
	}
	return u.k.intern(origin{Kind: ofCall, What: what, Where: u.k.where(position(i))})
}

// secret returns the taint of a secret of type typ that a call gives.
func (u *unit) secret(i ssa.CallInstruction, typ types.Type) taint {
	o := u.callOrigin(i)
	given := taint{}
	if typ == nil {
		given[pair{"", o}] = true
		return given
	}
	for _, p := range u.k.spread(typ, 3) {
		given[pair{p, o}] = true
	}
	return given
}

// yielded returns the T of an iter.Seq2[T, error].
func yielded(i ssa.CallInstruction) types.Type {
	v := i.Value()
	if v == nil {
		return nil
	}
	if n := named(v.Type()); n != nil && n.TypeArgs().Len() > 0 {
		return n.TypeArgs().At(0)
	}
	return nil
}

// lendSecret makes the parameter of a function given to Do or Inject a secret.
func (u *unit) lendSecret(i ssa.CallInstruction, t target, f ssa.Value) {
	var typ types.Type
	if s, ok := f.Type().Underlying().(*types.Signature); ok && s.Params().Len() > 1 {
		typ = s.Params().At(1).Type()
	}
	given := u.secret(i, typ)
	for _, g := range u.functionsIn(f) {
		u.lend(i, g, 1, given)
	}
	u.passOn(f, callFlow{Arg: 1}, given)
}

// sinkCall follows the arguments of a call to a sink.
func (u *unit) sinkCall(i ssa.CallInstruction, t target, s sinkSpec) {
	to := sinkRef{Name: shortName(t.obj), Class: s.class, Mode: s.mode}
	args := t.plain()
	var writer ssa.Value
	switch {
	case s.writer < 0:
	case t.method && s.writer == 0:
		writer = t.args[0]
	case s.writer < len(args):
		// fmt.Fprint(w, …) and Template.Execute(w, …)
		n := 0
		writer, args = args[n], args[1:]
	}
	first := len(t.plain()) - len(args)
	verbs := verbsOf(args, s.format-first)
	for n, a := range args {
		if n < s.first {
			continue
		}
		parts := elements(a)
		if parts == nil {
			parts = []ssa.Value{a}
		}
		for j, part := range parts {
			if verbs.hide(n, j, s.format-first) || isContext(part.Type()) {
				continue
			}
			if writer != nil {
				u.write(i, writer, u.text(part, s.mode), to, first+n+j)
				continue
			}
			u.show(i, part, to, first+n+j)
		}
	}
}

func isContext(t types.Type) bool { return typeName(named(t)) == "context.Context" }

// decode follows data through a decoder into what it fills.
func (u *unit) decode(i ssa.CallInstruction, t target, name string) bool {
	if !decoders[name] || len(t.args) < 2 {
		return false
	}
	into := t.args[1:]
	if parts := elements(t.args[len(t.args)-1]); parts != nil {
		into = parts
	}
	data := u.text(t.args[0], asText)
	for _, a := range into {
		a = unboxed(a)
		u.fill([]ssa.Value{a})
		typ := a.Type()
		if p, ok := typ.Underlying().(*types.Pointer); ok {
			typ = p.Elem()
		}
		u.assign(u.placeOf(a), u.k.spreadTaint(data, typ), typ, i)
	}
	return true
}

// format follows arguments into the text that is made of them.
func (u *unit) format(i ssa.CallInstruction, t target, name string) bool {
	s, ok := formatters[name]
	if !ok {
		return false
	}
	vs := verbsOf(t.args, s.format)
	for n, a := range t.args {
		parts := elements(a)
		if parts == nil {
			parts = []ssa.Value{a}
		}
		for j, part := range parts {
			if !vs.hide(n, j, s.format) {
				u.giveResult(i, 0, u.text(part, s.mode))
			}
		}
	}
	return true
}

// reachOther follows a call to a function whose code was not examined.
func (u *unit) reachOther(i ssa.CallInstruction, t target, name string) {
	pkg := ""
	if t.obj.Pkg() != nil {
		pkg = plainPath(t.obj.Pkg().Path())
	}
	of := ""
	if r := t.obj.Signature().Recv(); r != nil {
		of = typeNameOnly(r.Type())
	}
	if logs(of, pkg[strings.LastIndexByte(pkg, '/')+1:], t.obj.Name()) || printsLike(t.obj) {
		format := -1
		if strings.Contains(strings.TrimPrefix(t.obj.Name(), "Print"), "f") {
			format = 0
		}
		u.sinkCall(i, t, sinkSpec{class: classLog, format: format, writer: -1})
		return
	}
	if quoters[name] {
		n := t.obj.Signature().Results().Len() - 1
		if args := t.plain(); len(args) > 0 {
			u.giveResult(i, n, u.read(args[0]).flat())
		}
	}
	if (carriers[pkg] || carrying[name]) && !harmless[name] && !hides(t.obj.Name()) {
		u.carry(i, t)
	}
	if !isStandard(pkg) {
		u.fill(t.args)
	}
}

// printsLike reports whether a method of an interface looks like log.Printf or log.Println.
func printsLike(f *types.Func) bool {
	sig := f.Signature()
	if sig.Recv() == nil || !types.IsInterface(sig.Recv().Type()) || !sig.Variadic() || !logVerb.MatchString(f.Name()) {
		return false
	}
	rest, ok := sig.Params().At(sig.Params().Len() - 1).Type().(*types.Slice)
	return ok && types.IsInterface(rest.Elem())
}

func typeNameOnly(t types.Type) string {
	if n := named(t); n != nil {
		return n.Obj().Name()
	}
	return ""
}

// carry follows all arguments into all results, and into the receiver of a method.
func (u *unit) carry(i ssa.CallInstruction, t target) {
	sig := t.obj.Signature()
	results := sig.Results()
	var given taint = taint{}
	for _, a := range t.args {
		parts := elements(a)
		if parts == nil {
			parts = []ssa.Value{a}
		}
		for _, p := range parts {
			given.merge(u.text(p, asText))
		}
	}
	for n := range results.Len() {
		typ := results.At(n).Type()
		if carries(typ) && (!isError(typ) || carrying[funcName(t.obj)]) {
			u.giveResult(i, n, given)
		}
		for j, passed := range passedOn(typ) {
			if carries(passed) {
				u.giveResult(i, n, given.under(argumentOf(j)))
			}
		}
	}
	if !t.method || results.Len() > 0 && !strings.HasPrefix(t.obj.Name(), "Write") && t.obj.Name() != "Store" {
		return
	}
	for _, a := range t.args[1:] {
		u.assign(u.placeOf(t.args[0]), u.text(a, asText), nil, i)
	}
}

// passedOn returns the types of what an iterator passes on, or nil if t is no iterator.
func passedOn(t types.Type) []types.Type {
	s, ok := t.Underlying().(*types.Signature)
	if !ok || s.Params().Len() != 1 || s.Results().Len() > 0 {
		return nil
	}
	yield, ok := s.Params().At(0).Type().Underlying().(*types.Signature)
	if !ok {
		return nil
	}
	var all []types.Type
	for v := range yield.Params().Variables() {
		all = append(all, v.Type())
	}
	return all
}

func isError(t types.Type) bool { return typeName(named(t)) == "error" }

// fill notes that code that is not known got the address of a variable.
func (u *unit) fill(args []ssa.Value) {
	for _, arg := range args {
		parts := elements(arg)
		if parts == nil {
			parts = []ssa.Value{arg}
		}
		for _, a := range parts {
			a = unboxed(a)
			if _, ok := a.Type().Underlying().(*types.Pointer); !ok {
				continue
			}
			if v, ok := u.placeOf(a).root.value.(*ssa.Alloc); ok && !u.filled[v] {
				u.filled[v] = true
				u.changed = true
			}
		}
	}
}

// builtin follows values through a built-in function.
func (u *unit) builtin(i ssa.CallInstruction, name string, args []ssa.Value) {
	switch name {
	case "print", "println":
		for n, a := range args {
			u.show(i, a, sinkRef{Name: name, Class: classLog, Mode: asPanic}, n)
		}
	case "append":
		for _, a := range args {
			u.giveResult(i, 0, u.read(a))
		}
	case "copy":
		u.assign(u.placeOf(args[0]), u.read(args[1]), args[1].Type(), i)
	case "min", "max", "String", "StringData", "SliceData", "Slice", "ssa:wrapnilchk":
		for _, a := range args {
			u.giveResult(i, 0, u.read(a))
		}
	}
}
