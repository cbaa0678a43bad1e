package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"reflect"
	"slices"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/report"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/schema"
)

func schemaFlags(flags *flag.FlagSet, o *options) {
	tagsFlag(flags, o)
	flags.StringVar(&o.id, "id", "", "write that of the secret `ID` alone")
	flags.BoolVar(&o.skeleton, "skeleton", false, "write secrets to fill in, as the source static: and secrettest take them")
}

func writeSchemas(t *task) error {
	p, err := t.find()
	if err != nil {
		return err
	}
	all := map[string]any{}
	for i := range p.Handles {
		h := &p.Handles[i]
		r := schema.Read(p, h)
		for _, text := range h.IDs {
			id := text.Filled(environment()).String()
			if t.id != "" && t.id != id {
				continue
			}
			if t.skeleton {
				all[id] = t.skeletonOf(p, h, r, id)
			} else {
				t.add(all, p, h, r, id)
			}
		}
	}
	for id, schemas := range all {
		if list, ok := schemas.([]schema.Schema); ok {
			all[id] = together(list)
		}
	}
	if t.id == "" {
		return writeJSON(t.out, all)
	}
	one, known := all[t.id]
	if !known {
		return fmt.Errorf("no handle reads JSON from the secret %q", t.id)
	}
	return writeJSON(t.out, one)
}

// add adds the schema of a secret. If handles read a secret as several types, it must be valid
// for all of them.
func (t *task) add(all map[string]any, p *handles.Program, h *handles.Handle, r schema.Reading, id string) {
	s := r.Schema()
	if s == nil {
		t.note("%s:%d: %s: no schema: %s", report.Relative(p.Dir, h.Position.Filename), h.Position.Line, id, whyNone(r))
		return
	}
	before, known := all[id].([]schema.Schema)
	if !known || !slices.ContainsFunc(before, func(b schema.Schema) bool { return reflect.DeepEqual(b, s) }) {
		all[id] = append(before, s)
	}
}

// together returns one schema that is valid for what all of them take. Each of several is a
// resource with an $id, so that its references lead to its own $defs.
func together(schemas []schema.Schema) schema.Schema {
	if len(schemas) == 1 {
		return schemas[0]
	}
	for i, s := range schemas {
		s["$id"] = fmt.Sprintf("urn:typedsecret:handle:%d", i+1)
	}
	return schema.Schema{"$schema": schema.Dialect, "allOf": schemas}
}

func (t *task) skeletonOf(p *handles.Program, h *handles.Handle, r schema.Reading, id string) any {
	if text := r.Skeleton(); text != "" {
		return json.RawMessage(text)
	}
	t.note("%s:%d: %s: a text: %s", report.Relative(p.Dir, h.Position.Filename), h.Position.Line, id, whyNone(r))
	return ""
}

func whyNone(r schema.Reading) string {
	if r.Unknown != "" {
		return r.Unknown
	}
	return "the secret is no JSON, it is read by " + r.Codec
}
