// Package schema says which secrets the handles of a program take, as JSON Schema and as a
// skeleton to fill in.
package schema

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/packages"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/shape"
)

// A Reading is how a handle reads its secret.
type Reading struct {
	Codec   string // codec.JSON, codec.Text, codec.Bytes or codec.PEM
	Options JSON   // of codec.JSON
	Key     string // the key whose value is read, or "" for the whole secret
	Shape   *shape.Shape

	// Unknown says why it is not known what the handle takes, or is "".
	Unknown string
}

// JSON has the settings of codec.JSON.
type JSON struct{ Strict, Lenient, AllowMissing bool }

// Read returns how a handle of the program reads.
func Read(p *handles.Program, h *handles.Handle) Reading {
	switch key, isKnown := h.Key().Constant(); {
	case h.Kind == handles.Ref:
		return Reading{Unknown: "it is read as bytes, without a T"}
	case h.Type == nil:
		return Reading{Unknown: "its T is not known"}
	case hasParameter(h.Type):
		return Reading{Unknown: "no call gives T its type arguments"}
	case !isKnown:
		return Reading{Unknown: "the key of WithKey is " + h.Key().String()}
	default:
		r := Reading{Codec: shape.CodecOf(h.Type), Key: key, Shape: shape.Of(h.Type)}
		if o := h.Option("WithCodec"); o != nil {
			r.setCodec(o.Package, o.Arg, o.Source)
			return r
		}
		for _, t := range p.Registered {
			if types.Identical(t, h.Type) {
				r.Unknown = "codec.Register gives its T a codec"
			}
		}
		return r
	}
}

// setCodec reads the argument of WithCodec, if it is a literal of package codec.
func (r *Reading) setCodec(pkg *packages.Package, arg ast.Expr, source string) {
	r.Unknown = "its codec is made at run time: " + source
	if u, ok := ast.Unparen(arg).(*ast.UnaryExpr); ok && u.Op == token.AND {
		arg = u.X
	}
	lit, ok := ast.Unparen(arg).(*ast.CompositeLit)
	if !ok {
		return
	}
	name := types.TypeString(pkg.TypesInfo.TypeOf(lit), (*types.Package).Path)
	name, ok = strings.CutPrefix(name, handles.Library+"/codec.")
	if !ok {
		return
	}
	switch "codec." + name {
	case shape.PlainText, shape.Raw, shape.PEMText:
	case shape.JSON:
		for i, elt := range lit.Elts {
			field := []string{"Strict", "Lenient", "AllowMissing"}[min(i, 2)]
			if kv, ok := elt.(*ast.KeyValueExpr); ok {
				if key, ok := kv.Key.(*ast.Ident); ok {
					field, elt = key.Name, kv.Value
				}
			}
			v := pkg.TypesInfo.Types[elt].Value
			if v == nil {
				return
			}
			*map[string]*bool{"Strict": &r.Options.Strict, "Lenient": &r.Options.Lenient, "AllowMissing": &r.Options.AllowMissing}[field] = constant.BoolVal(v)
		}
	default:
		return
	}
	r.Codec, r.Unknown = "codec."+name, ""
}

func hasParameter(t types.Type) bool {
	switch t := types.Unalias(t).(type) {
	case *types.TypeParam:
		return true
	case *types.Pointer:
		return hasParameter(t.Elem())
	case *types.Slice:
		return hasParameter(t.Elem())
	case *types.Array:
		return hasParameter(t.Elem())
	case *types.Map:
		return hasParameter(t.Key()) || hasParameter(t.Elem())
	case *types.Named:
		for arg := range t.TypeArgs().Types() {
			if hasParameter(arg) {
				return true
			}
		}
	}
	return false
}

// A Key is a key that a secret must or may have.
type Key struct {
	Key      string `json:"key"` // with those of the objects around it
	Field    string `json:"field"`
	Value    string `json:"value"`
	Required bool   `json:"required"`
}

// Keys lists the keys of the secret, those of objects inside included. A type that contains
// itself is listed once.
func (r Reading) Keys() (keys []Key) {
	if r.Unknown != "" || r.Codec != shape.JSON {
		if r.Unknown == "" && r.Key != "" {
			return []Key{{Key: r.Key, Field: "of WithKey", Value: "string", Required: true}}
		}
		return nil
	}
	if r.Key != "" {
		keys = append(keys, Key{Key: r.Key, Field: "of WithKey", Value: r.Shape.String(), Required: true})
	}
	return appendKeys(keys, r.Shape, r.Key, "", map[*shape.Shape]bool{}, !r.Options.AllowMissing)
}

func appendKeys(keys []Key, s *shape.Shape, path, field string, within map[*shape.Shape]bool, required bool) []Key {
	if s.Nullable && path != "" {
		required = false
	}
	s = s.Target()
	if within[s] {
		return keys
	}
	within[s] = true
	defer delete(within, s)
	switch s.Kind {
	case shape.Array:
		return appendKeys(keys, s.Elem, path+"[]", field+"[]", within, required)
	case shape.Map:
		return appendKeys(keys, s.Elem, path+"[*]", field+"[*]", within, required)
	case shape.Object:
	default:
		return keys
	}
	for _, f := range s.Fields {
		k := Key{Key: under(path, f.Key), Field: under(field, f.Name), Value: f.Shape.String()}
		k.Required = required && !f.Optional && len(f.Pointers) == 0
		if f.Quoted {
			k.Value += ", quoted or bare"
		}
		keys = append(keys, k)
		keys = appendKeys(keys, f.Shape, k.Key, k.Field, within, k.Required)
	}
	return keys
}

func under(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
