package handles

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// run finds the handles of the packages.
func (s *search) run() {
	for f, calls := range s.calls {
		for _, c := range calls {
			if isLibrary(c.pkg) {
				continue
			}
			switch {
			case isOf(f, Library, "", "New"):
				s.expand(&frame{place: c.place}, func(at *frame) bool { return s.made(New, c, at) })
			case isOf(f, Library, "", "NewByID"):
				s.expand(&frame{place: c.place}, func(at *frame) bool { return s.made(NewByID, c, at) })
			case isOf(f, Library, "Set", "Fill"):
				s.expand(&frame{place: c.place}, func(at *frame) bool { return s.filled(c, at) })
			case isOf(f, Library+"/cache", "Cache", "Get"), isOf(f, Library+"/cache", "Cache", "Refresh"):
				s.expand(&frame{place: c.place}, func(at *frame) bool { return s.asked(c, at) })
			case isOf(f, Library, "", "Preload"), isOf(f, Library, "Set", "Preload"), isOf(f, Library, "Preloader", "Preload"):
				s.program.Batches = append(s.program.Batches, c.pkg.Fset.Position(c.expr.Pos()))
			case isOf(f, Library+"/codec", "", "Register"):
				if id := calleeIdent(c.expr.Fun); id != nil {
					if args := c.pkg.TypesInfo.Instances[id].TypeArgs; args.Len() == 1 {
						s.program.Registered = append(s.program.Registered, args.At(0))
					}
				}
			}
		}
	}
	s.nameByID()
	for _, v := range s.asValues {
		h := Handle{Kind: Kind(v.name.Name), Package: v.pkg, Position: v.pkg.Fset.Position(v.name.Pos())}
		h.IDs = []Text{unknown("the calls of " + v.name.Name + ", which is used as a value here")}
		if args := v.pkg.TypesInfo.Instances[v.name].TypeArgs; args.Len() == 1 {
			h.Type = args.At(0)
		}
		if !isLibrary(v.pkg) {
			s.record(h)
		}
	}
	slices.SortFunc(s.program.Handles, func(a, b Handle) int {
		return cmp.Or(comparePositions(a.Position, b.Position), cmp.Compare(a.IDs[0].String(), b.IDs[0].String()))
	})
	slices.SortFunc(s.program.Batches, comparePositions)
}

func comparePositions(a, b token.Position) int {
	return cmp.Or(cmp.Compare(a.Filename, b.Filename), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// maxExpanded bounds the chains of calls that are followed in all.
const maxExpanded = 20_000

// expand calls found with a frame for a call of New, and reports what that returns: whether
// a parameter of the outermost function decides about the handle. If so, expand goes on to
// the calls of that function.
func (s *search) expand(f *frame, found func(*frame) (isOpen bool)) {
	outer := f.outermost()
	fn := outer.in
	var callers []call
	recursive := false
	if s.expanded++; fn != nil && f.depth() < maxDepth && s.expanded < maxExpanded {
		for _, c := range s.calls[fn.obj] {
			if f.has(c.in) {
				recursive = true
				continue
			}
			callers = append(callers, c)
		}
	}
	// found records the handle at once if it does not depend on the callers.
	if isOpen := found(f); !isOpen {
		return
	}
	if fn == nil {
		found(f.closed())
		return
	}
	isDispatched := fn.obj.Signature().Recv() != nil && s.dispatched[fn.obj.Name()]
	if hasUnknownCalls := len(callers) == 0 || recursive || isDispatched || s.values[fn.obj]; hasUnknownCalls {
		found(f.closed())
	}
	for _, c := range callers {
		s.expand(f.within(c), found)
	}
}

// closed returns the frame with the callers of its outermost function unknown for good.
func (f *frame) closed() *frame {
	g := *f
	if f.caller != nil {
		g.caller = f.caller.closed()
	} else {
		g.isClosed = true
	}
	return &g
}

// made records the handle of a call of New or NewByID, unless it is open.
func (s *search) made(kind Kind, c call, at *frame) (isOpen bool) {
	args := c.expr.Args
	h := Handle{Kind: kind}
	ids := []Text{unknown("the calls of the ByID's methods")}
	if kind == New && len(args) > 0 {
		ids, args = s.text(args[0], at), args[1:]
	}
	opts := s.options(args, at)
	isOpen = opts.isOpen || slices.ContainsFunc(ids, Text.isOpen)
	prefix := []Text{{}}
	if with := lastCall(s, args, at, "WithSet"); with != nil {
		set := s.setOf(with.call.Args[0], with.frame)
		h.Set, prefix = set.name, set.prefix
		isOpen = isOpen || set.isOpen || slices.ContainsFunc(prefix, Text.isOpen)
	}
	if id := calleeIdent(c.expr.Fun); id != nil {
		if targs := c.pkg.TypesInfo.Instances[id].TypeArgs; targs.Len() == 1 {
			t, isKnown := at.resolve(targs.At(0))
			h.Type = t
			isOpen = isOpen || !isKnown
		}
	}
	if isOpen && !at.outermost().isClosed {
		return true
	}
	h.IDs, h.Options = prefixed(prefix, ids), distinctOptions(opts.options)
	h.Package = at.outermost().pkg
	h.Position, h.Via = positions(c, at)
	if kind == NewByID {
		s.byID = append(s.byID, &byID{handle: h, prefix: prefix, obj: s.owner(c, at)})
		return false
	}
	s.record(h)
	return false
}

// distinctOptions returns the options without those that an earlier one repeats, as when a
// function appends to the options that it was given.
func distinctOptions(all []Option) (kept []Option) {
	for _, o := range all {
		if !slices.ContainsFunc(kept, func(k Option) bool { return k.Source == o.Source && k.Package == o.Package }) {
			kept = append(kept, o)
		}
	}
	return kept
}

// asked records the secret that a call asks a cache for, unless it is open.
func (s *search) asked(c call, at *frame) (isOpen bool) {
	if len(c.expr.Args) != 2 {
		return false
	}
	h := Handle{Kind: Ref, Package: at.outermost().pkg}
	ids, opts := s.ref(c.expr.Args[1], at)
	if slices.ContainsFunc(ids, Text.isOpen) && !at.outermost().isClosed {
		return true
	}
	h.IDs, h.Options = distinct(ids), opts
	h.Position, h.Via = positions(c, at)
	s.record(h)
	return false
}

// ref returns the ID of a secret.Ref, and its stage and version as options.
func (s *search) ref(e ast.Expr, at *frame) (ids []Text, opts []Option) {
	switch e := ast.Unparen(e).(type) {
	case *ast.CompositeLit:
		ids = []Text{{}}
		for i, elt := range e.Elts {
			field := []string{"ID", "Stage", "VersionID"}[min(i, 2)]
			if kv, ok := elt.(*ast.KeyValueExpr); ok {
				field, elt = source(at.pkg, kv.Key), kv.Value
			}
			texts := s.text(elt, at)
			if field == "ID" {
				ids = texts
				continue
			}
			opts = append(opts, Option{Name: "With" + field, Args: texts[:1], Source: source(at.pkg, elt), Package: at.pkg})
		}
		return ids, opts
	case *ast.Ident, *ast.SelectorExpr:
		obj := objectOf(at.pkg, e)
		if i, isVariadic := parameterIndex(obj, at.in); obj != nil && i >= 0 && !isVariadic && at.call != nil && at.caller != nil && i < len(at.call.Args) {
			return s.ref(at.call.Args[i], at.caller)
		} else if i >= 0 {
			texts, _ := s.parameter(obj, at, s.text)
			return texts, nil
		}
		if obj == nil || s.busy[obj] {
			break
		}
		s.busy[obj] = true
		defer delete(s.busy, obj)
		for _, d := range s.defs[obj] {
			if d.kind == isValue && d.result == 0 {
				more, with := s.ref(d.expr, at.at(d.place))
				ids, opts = append(ids, more...), append(opts, with...)
			}
		}
		if len(ids) > 0 {
			return ids, opts
		}
	}
	return []Text{unknown("the Ref " + source(at.pkg, e))}, nil
}

// record adds a handle, unless it is there already.
func (s *search) record(h Handle) {
	for _, known := range s.program.Handles {
		if known.Position == h.Position && slices.Equal(known.Via, h.Via) && known.Kind == h.Kind && reflect.DeepEqual(known.IDs, h.IDs) {
			return
		}
	}
	h.search = s
	s.program.Handles = append(s.program.Handles, h)
}

// positions returns the position of the outermost call of the frames, and those inside.
func positions(c call, at *frame) (outer token.Position, via []token.Position) {
	outer = c.pkg.Fset.Position(c.expr.Pos())
	for f := at; f.caller != nil; f = f.caller {
		via = append(via, outer)
		outer = f.caller.pkg.Fset.Position(f.call.Pos())
	}
	slices.Reverse(via)
	return outer, via
}

// prefixed returns the IDs behind the prefix of a Set. As in the library, an ARN gets none.
func prefixed(prefix, ids []Text) (all []Text) {
	for _, id := range ids {
		if len(id.Parts) > 0 && id.Parts[0].Hole == nil && strings.HasPrefix(id.Parts[0].Literal, "arn:") {
			all = append(all, id)
			continue
		}
		all = append(all, product(prefix, []Text{id})...)
	}
	return distinct(all)
}

// A framedCall is a call in its frame.
type framedCall struct {
	call  *ast.CallExpr
	frame *frame
}

// lastCall finds the last option of this name that is written as a call, in the arguments or
// in those that the callers pass on.
func lastCall(s *search, list []ast.Expr, f *frame, name string) (last *framedCall) {
	for _, e := range list {
		switch e := ast.Unparen(e).(type) {
		case *ast.CallExpr:
			callee := calleeOf(f.pkg.TypesInfo, e)
			switch {
			case isOf(callee, Library, "", name) && len(e.Args) > 0:
				last = &framedCall{e, f}
			case isBuiltin(f.pkg.TypesInfo, e, "append"):
				last = cmp.Or(lastCall(s, e.Args, f, name), last)
			}
		case *ast.CompositeLit:
			last = cmp.Or(lastCall(s, e.Elts, f, name), last)
		case *ast.Ident:
			obj := objectOf(f.pkg, e)
			if obj == nil || s.busy[obj] {
				continue
			}
			if i, isVariadic := parameterIndex(obj, f.in); i >= 0 && f.call != nil && f.caller != nil && i < len(f.call.Args) {
				passed := f.call.Args[i : i+1]
				if isVariadic {
					passed = f.call.Args[i:]
				}
				last = cmp.Or(lastCall(s, passed, f.caller, name), last)
			}
			s.busy[obj] = true
			for _, d := range s.defs[obj] {
				if d.expr != nil {
					last = cmp.Or(lastCall(s, []ast.Expr{d.expr}, f.at(d.place), name), last)
				}
			}
			delete(s.busy, obj)
		}
	}
	return last
}

// isLibrary reports whether a package is one of typedsecret's own, which reads only what the
// program's handles name.
func isLibrary(pkg *packages.Package) bool {
	return pkg.Module != nil && pkg.Module.Path == Library && !strings.HasPrefix(pkg.PkgPath, Library+"/examples/")
}

// filled records the handles that Set.Fill makes from the tags of a struct, unless they are open.
func (s *search) filled(c call, at *frame) (isOpen bool) {
	sel, ok := ast.Unparen(c.expr.Fun).(*ast.SelectorExpr)
	if !ok || len(c.expr.Args) != 1 {
		return false
	}
	set := s.setOf(sel.X, at)
	if (set.isOpen || slices.ContainsFunc(set.prefix, Text.isOpen)) && !at.outermost().isClosed {
		return true
	}
	t, ok := under(c.pkg.TypesInfo.TypeOf(c.expr.Args[0])).(*types.Struct)
	if !ok {
		h := Handle{
			Kind: Fill, IDs: []Text{unknown("the tags of " + source(c.pkg, c.expr.Args[0]))}, Options: set.options,
			Set: set.name, Package: c.pkg,
		}
		h.Position, h.Via = positions(c, at)
		s.record(h)
		return false
	}
	s.fill(c, t, set)
	return false
}

func (s *search) fill(c call, t *types.Struct, of set) {
	for i := range t.NumFields() {
		field := t.Field(i)
		tag, isTagged := reflect.StructTag(t.Tag(i)).Lookup("secret")
		inner, isStruct := field.Type().Underlying().(*types.Struct)
		switch {
		case !isTagged && isStruct && field.Exported():
			s.fill(c, inner, of)
			continue
		case !isTagged || tag == "-":
			continue
		}
		named, ok := types.Unalias(deref(field.Type())).(*types.Named)
		if !ok || named.TypeArgs().Len() != 1 {
			continue // Fill refuses it
		}
		name, rest, _ := strings.Cut(tag, ",")
		h := Handle{
			Kind: Fill, IDs: prefixed(of.prefix, []Text{literal(name)}), Type: named.TypeArgs().At(0),
			Options: slices.Clone(of.options), Set: of.name, Package: c.pkg, Position: c.pkg.Fset.Position(field.Pos()),
			Via: []token.Position{c.pkg.Fset.Position(c.expr.Pos())},
		}
		for part := range strings.SplitSeq(rest, ",") {
			key, value, _ := strings.Cut(part, "=")
			option := map[string]string{"stage": "WithStage", "version": "WithVersionID", "key": "WithKey"}[key]
			if option != "" {
				h.Options = append(h.Options, Option{Name: option, Args: []Text{literal(value)}, Source: option + "(" + `"` + value + `")`, Package: c.pkg})
			}
		}
		s.record(h)
	}
}
