package schema_test

import (
	"encoding/json"
	"go/types"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/schema"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/shape"
)

// TestATypeWithoutAStructMayContainItself: type T []T, say.
func TestATypeWithoutAStructMayContainItself(t *testing.T) {
	for name, of := range map[string]func(types.Type) types.Type{
		"slice":   func(t types.Type) types.Type { return types.NewSlice(t) },
		"array":   func(t types.Type) types.Type { return types.NewArray(types.NewPointer(t), 1) },
		"map":     func(t types.Type) types.Type { return types.NewMap(types.Typ[types.String], t) },
		"pointer": func(t types.Type) types.Type { return types.NewPointer(t) },
	} {
		named := types.NewNamed(types.NewTypeName(0, types.NewPackage("p", "p"), "T", nil), nil, nil)
		named.SetUnderlying(of(named))
		r := schema.Reading{Codec: shape.JSON, Shape: shape.Of(named)}
		if keys := r.Keys(); len(keys) != 0 {
			t.Errorf("%s: keys %v", name, keys)
		}
		if text := r.Skeleton(); !json.Valid([]byte(text)) {
			t.Errorf("%s: skeleton %s", name, text)
		}
		text, err := json.Marshal(r.Schema())
		if err != nil {
			t.Fatal(err)
		}
		var s jsonschema.Schema
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Resolve(nil); err != nil {
			t.Errorf("%s: %v in %s", name, err, text)
		}
	}
}
