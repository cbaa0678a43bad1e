package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/token"
	"go/types"
	"io"
	"strconv"
	"strings"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/report"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/schema"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/shape"
)

func listFlags(flags *flag.FlagSet, o *options) {
	tagsFlag(flags, o)
	formatFlag(flags, o, []string{"text", "json"})
}

// A listed is a handle in the JSON of list.
type listed struct {
	Kind    handles.Kind `json:"kind"`
	IDs     []listedID   `json:"ids"`
	Type    string       `json:"type,omitempty"`
	Codec   string       `json:"codec,omitempty"`
	Unknown string       `json:"unknown,omitempty"` // why it is not known what the handle takes
	Keys    []schema.Key `json:"keys,omitempty"`
	Stage   string       `json:"stage,omitempty"`
	Version string       `json:"version,omitempty"`
	Options []string     `json:"options,omitempty"`
	Set     string       `json:"set,omitempty"`
	File    string       `json:"file"`
	Line    int          `json:"line"`
	Via     []string     `json:"via,omitempty"` // the calls that lead to New, from the outermost inwards
}

// A listedID is what is known of an ID.
type listedID struct {
	ID      string   `json:"id"` // what is not known stands in braces
	Pattern string   `json:"pattern"`
	Unknown []string `json:"unknown,omitempty"` // where the unknown parts come from
}

func list(t *task) error {
	p, err := t.find()
	if err != nil {
		return err
	}
	all := []listed{}
	for i := range p.Handles {
		all = append(all, describe(p, &p.Handles[i]))
	}
	if t.format == "json" {
		return writeJSON(t.out, struct {
			Handles []listed `json:"handles"`
			Preload []string `json:"preload"` // the calls that fetch many secrets together
		}{all, places(p.Dir, p.Batches)})
	}
	var b strings.Builder
	for _, l := range all {
		l.write(&b)
	}
	_, err = io.WriteString(t.out, b.String())
	return err
}

func describe(p *handles.Program, h *handles.Handle) listed {
	r := schema.Read(p, h)
	l := listed{
		Kind: h.Kind, Codec: r.Codec, Unknown: r.Unknown, Keys: r.Keys(), Stage: h.Stage().String(), Version: h.VersionID().String(), Set: h.Set,
		File: report.Relative(p.Dir, h.Position.Filename), Line: h.Position.Line, Via: places(p.Dir, h.Via),
	}
	if h.Type != nil {
		l.Type = types.TypeString(h.Type, (*types.Package).Name)
	}
	for _, id := range h.IDs {
		l.IDs = append(l.IDs, listedID{id.String(), id.Pattern(), id.Origins()})
	}
	for _, o := range h.Options {
		text := strings.TrimPrefix(o.Source, "typedsecret.")
		if o.Conditional {
			text += " in some cases"
		}
		if o.Name == "" {
			text += " (not known)"
		}
		l.Options = append(l.Options, text)
	}
	return l
}

// write writes a handle for a person.
func (l listed) write(b *strings.Builder) {
	for _, id := range l.IDs {
		fmt.Fprintf(b, "%s\n", report.OneLine(id.ID))
	}
	fmt.Fprintf(b, "    %s:%d  %s", l.File, l.Line, l.Type)
	switch {
	case l.Unknown != "":
		fmt.Fprintf(b, "  (not known: %s)", l.Unknown)
	case l.Codec != "" && l.Codec != shape.JSON && len(l.Keys) == 0:
		fmt.Fprintf(b, "  (the whole secret, by %s)", l.Codec)
	}
	b.WriteByte('\n')
	width := 0
	for _, k := range l.Keys {
		width = max(width, len(k.Key))
	}
	for _, k := range l.Keys {
		value := k.Value
		if !k.Required {
			value += ", optional"
		}
		fmt.Fprintf(b, "    %-*s  %s\n", width, k.Key, value)
	}
	if len(l.Options) > 0 {
		fmt.Fprintf(b, "    with %s\n", report.OneLine(strings.Join(l.Options, ", ")))
	}
	if len(l.Via) > 0 {
		fmt.Fprintf(b, "    through %s\n", strings.Join(l.Via, ", "))
	}
}

func places(dir string, positions []token.Position) []string {
	all := []string{}
	for _, p := range positions {
		all = append(all, report.Relative(dir, p.Filename)+":"+strconv.Itoa(p.Line))
	}
	return all
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
