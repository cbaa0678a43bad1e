// Package yaml is a codec for secrets in YAML, on github.com/goccy/go-yaml. It turns YAML
// into the same document in JSON and gives that to [codec.JSON]. So the fields' `json` tags
// count, and all rules of codec.JSON hold: about missing keys, exact and duplicate keys,
// numbers in quotes, types that would stay empty, and errors that hold nothing of the
// secret. A `yaml` tag without a `json` tag beside it is an error. Register it for the
// types whose secrets are YAML.
package yaml

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/typedsecret/typedsecret/codec"
)

// Codec decodes one YAML document. The zero value is ready for use.
//
// YAML has more than a secret needs and more than JSON can express. The codec refuses merge
// keys (<<), several documents, tags other than YAML's own, numbers not written as JSON
// writes them (0123, 1_000, .5, .inf), keys that are no scalars, aliases that make the
// document larger than 1 MiB, and bools other than true and false. It also refuses texts
// that the parser would change: tabs in unquoted text, tabs and escaped blanks at the ends
// of lines in quotes, and blanks at the end of a block that drops its line ends (|- and
// >-). An unquoted number for a string field is refused as in JSON: quote it, or set
// Lenient.
type Codec struct {
	Strict  bool // as in codec.JSON: refuse keys that have no field
	Lenient bool // as in codec.JSON: take a number for a string and the reverse
	// AllowMissing is as in codec.JSON: a missing key is no error, for a T whose fields
	// can't be tagged.
	AllowMissing bool
}

// Decode implements [codec.Codec].
func (c Codec) Decode(data []byte, into any) error {
	if t := reflect.TypeOf(into); t != nil && t.Kind() == reflect.Pointer {
		if err := c.CheckType(t.Elem()); err != nil {
			return err
		}
	}
	doc, err := toJSON(data)
	if err == nil {
		err = c.json().Decode(doc, into)
	}
	if e, ok := errors.AsType[*codec.Error](err); ok {
		// An offset would be a place in the JSON, which the user never sees. Without offsets,
		// all unknown keys of an object read the same, so only one of them is kept.
		e.Offset = -1
		said := map[string]bool{e.Path + ": " + e.Reason: true}
		e.Also = slices.DeleteFunc(e.Also, func(p *codec.Error) bool {
			p.Offset = -1
			text := p.Path + ": " + p.Reason
			again := said[text]
			said[text] = true
			return again
		})
		if t := reflect.TypeOf(into); e.Type == "" && t != nil && t.Kind() == reflect.Pointer {
			e.Type = t.Elem().String()
		}
	}
	return err
}

func (c Codec) json() codec.JSON {
	return codec.JSON{Strict: c.Strict, Lenient: c.Lenient, AllowMissing: c.AllowMissing}
}

const (
	maxSize    = 1 << 20 // bytes of JSON
	maxNesting = 512     // the limit of codec.JSON
)

// refuse makes an error. Its reason must hold nothing of the secret.
func refuse(kind error, reason string) error {
	return &codec.Error{Offset: -1, Kind: kind, Reason: reason}
}

// toJSON turns a YAML document into JSON. The parser's errors quote the source, and the
// value of a panic might. So the error of toJSON holds only a position or the type of a
// panic.
func toJSON(data []byte) (doc []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			doc, err = nil, refuse(codec.ErrPanic, fmt.Sprintf("the YAML parser panicked with a %T", p))
		}
	}()
	if !utf8.Valid(data) {
		return nil, refuse(codec.ErrSyntax, "the YAML is not valid UTF-8")
	}
	if deep(data) {
		return nil, refuse(codec.ErrSyntax, "it nests too deeply")
	}
	if bytes.HasPrefix(data, []byte("\ufeff")) {
		return nil, refuse(codec.ErrSyntax, "it begins with a byte-order mark")
	}
	// The parser would count a carriage return and a newline as two line ends.
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	if bytes.IndexByte(data, '\r') >= 0 {
		return nil, refuse(codec.ErrSyntax, "it has a carriage return without a newline after it; write it as \\r in double quotes")
	}
	// The parser does not fold a folded block whose last line has no end.
	if at := tabbedBlock.FindIndex(data); at != nil {
		line := 1 + bytes.Count(data[:at[1]], []byte("\n"))
		return nil, refuse(codec.ErrValue, fmt.Sprintf("the block that begins with a tab at line %d is none for the parser of YAML%s", line, inQuotes))
	}
	if at := markerGoesOn.FindIndex(data); at != nil {
		line := 1 + bytes.Count(data[:at[0]], []byte("\n"))
		return nil, refuse(codec.ErrSyntax, fmt.Sprintf("line %d begins with --- or ..., which ends a document in YAML, and goes on%s", line, inQuotes))
	}
	w := writer{anchors: map[string]ast.Node{}}
	if !bytes.HasSuffix(data, []byte("\n")) {
		last := data[bytes.LastIndexByte(data, '\n')+1:]
		data, w.ended = append(bytes.Clone(data), '\n'), true
		if len(bytes.Trim(last, " \t")) == 0 {
			w.blanks = string(last)
		}
	}
	// Duplicate keys are left for codec.JSON to find.
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		reason := "the YAML cannot be parsed"
		if e, ok := errors.AsType[*yaml.SyntaxError](err); ok && e.Token != nil && e.Token.Position != nil {
			reason += fmt.Sprintf(" at line %d, column %d", e.Token.Position.Line, e.Token.Position.Column)
		}
		return nil, refuse(codec.ErrSyntax, reason)
	}
	var body ast.Node
	for _, d := range file.Docs {
		if _, directive := d.Body.(*ast.DirectiveNode); directive || d.Body == nil {
			continue
		}
		if body != nil {
			return nil, refuse(codec.ErrSyntax, "there is more than one YAML document")
		}
		body = d.Body
	}
	if body == nil {
		return nil, refuse(codec.ErrSyntax, "the secret is empty")
	}
	if err := w.value(body, 0); err != nil {
		return nil, err
	}
	return w.out, nil
}

// deep reports whether collections may nest so deeply within one line that the recursive
// parser would overflow its stack. It counts brackets and dashes in strings too: no real
// secret has that many.
func deep(data []byte) bool {
	brackets, dashes := 0, 0
	for i, c := range data {
		switch c {
		case '[', '{':
			brackets++
		case ']', '}':
			brackets--
		case '-':
			if i+1 < len(data) && data[i+1] == ' ' {
				dashes++
			}
		case ' ':
		default:
			dashes = 0
		}
		if brackets > 8*maxNesting || dashes > maxNesting {
			return true
		}
	}
	return false
}

// A writer appends YAML nodes to out as JSON.
type writer struct {
	out     []byte
	anchors map[string]ast.Node
	ended   bool   // whether this package added the last line end
	blanks  string // the blanks of the last line, if it has nothing else
}

func (w *writer) value(n ast.Node, depth int) error {
	if depth > maxNesting {
		// An alias inside its own anchor is found here too.
		return refuse(codec.ErrSyntax, "it nests too deeply")
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return w.mapping(n.Values, n.IsFlowStyle, depth)
	case *ast.MappingValueNode:
		return w.mapping([]*ast.MappingValueNode{n}, n.IsFlowStyle, depth)
	case *ast.SequenceNode:
		return w.sequence(n, depth)
	case *ast.AnchorNode:
		w.anchors[n.Name.GetToken().Value] = n.Value
		return w.value(n.Value, depth+1)
	case *ast.AliasNode:
		target, ok := w.anchors[n.Value.GetToken().Value]
		if !ok {
			return refuse(codec.ErrSyntax, fmt.Sprintf("an alias%s has no anchor before it", position(n)))
		}
		return w.value(target, depth+1)
	case *ast.TagNode:
		return w.tagged(n, depth)
	case *ast.StringNode:
		s, err := w.key(n)
		if err != nil {
			return err
		}
		return w.text(s)
	case *ast.LiteralNode:
		s, err := w.key(n)
		if err != nil {
			return err
		}
		return w.text(s)
	case *ast.BoolNode:
		text := strings.TrimSpace(n.GetToken().Value)
		if text != "true" && text != "false" {
			return refuse(codec.ErrValue, "the bool"+position(n)+" is not written as true or false; quote it if it is text")
		}
		return w.literal(text)
	case *ast.NullNode:
		return w.literal("null")
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		text := strings.TrimSpace(n.GetToken().Value)
		if c := text + "x"; (c[0] != '-' && (c[0] < '0' || c[0] > '9')) || !json.Valid([]byte(text)) {
			return refuse(codec.ErrValue, fmt.Sprintf("the number%s is not written as JSON writes numbers; quote it if it is text", position(n)))
		}
		return w.literal(text)
	case nil:
		return w.literal("null")
	}
	return refuse(codec.ErrSyntax, "the YAML uses what a secret cannot hold"+position(n))
}

func (w *writer) mapping(members []*ast.MappingValueNode, flow bool, depth int) error {
	w.out = append(w.out, '{')
	for i, m := range members {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		name, err := w.key(m.Key)
		if err != nil {
			return err
		}
		if err := w.text(name); err != nil {
			return err
		}
		w.out = append(w.out, ':')
		if !flow && misplaced(m.Value, column(m.Key), false) {
			return refuse(codec.ErrSyntax, "the key"+position(m.Key)+" has no value before the next line; write null if that is meant")
		}
		if err := w.value(m.Value, depth+1); err != nil {
			return err
		}
	}
	return w.literal("}")
}

func (w *writer) sequence(s *ast.SequenceNode, depth int) error {
	w.out = append(w.out, '[')
	for i, n := range s.Values {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if !s.IsFlowStyle && misplaced(n, column(s), true) {
			return refuse(codec.ErrSyntax, "an element"+position(s)+" has no value before the next line; write null if that is meant")
		}
		if err := w.value(n, depth+1); err != nil {
			return err
		}
	}
	return w.literal("]")
}

// tagged writes a node with a tag of YAML's own.
func (w *writer) tagged(n *ast.TagNode, depth int) error {
	scalar, isScalar := n.Value.(ast.ScalarNode)
	switch tag := n.Start.Value; {
	case tag == "!!str" && isScalar:
		s, err := w.key(scalar)
		if err != nil {
			return err
		}
		return w.text(s)
	case tag == "!!binary" && isScalar:
		// codec.JSON wants base64 as well, but without line breaks.
		if s, err := w.key(scalar); err == nil {
			return w.text(strings.Join(strings.Fields(s), ""))
		}
	case tag == "!!int", tag == "!!float", tag == "!!bool", tag == "!!null", tag == "!!map", tag == "!!seq", tag == "!!timestamp":
		return w.value(n.Value, depth+1)
	}
	return refuse(codec.ErrSyntax, "a tag"+position(n)+" does not fit its value or is not one of YAML's own")
}

// key returns the text of a scalar that is a key or has the tag !!str.
func (w *writer) key(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		if reason := changedText(n); reason != "" {
			return "", refuse(codec.ErrValue, "the text"+position(n)+" "+reason)
		}
		return n.Value, nil
	case *ast.LiteralNode:
		if reason := changedBlock(n); reason != "" {
			return "", refuse(codec.ErrValue, "the block"+position(n)+" "+reason)
		}
		if w.ended && n.Value.GetToken().Next == nil {
			switch {
			case w.blanks == "":
				return strings.TrimSuffix(n.Value.Value, "\n"), nil
			case !isIndent(w.blanks, n):
				return "", refuse(codec.ErrValue, "the block"+position(n)+" ends in a line of blanks"+inQuotes)
			}
		}
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil
	case *ast.MergeKeyNode:
		return "", refuse(codec.ErrSyntax, "there is a merge key (<<)"+position(n)+"; write its keys out")
	case *ast.MappingKeyNode:
		if scalar, ok := n.Value.(ast.ScalarNode); ok {
			return w.key(scalar)
		}
	}
	return "", refuse(codec.ErrSyntax, "a key"+position(n)+" is not a plain scalar")
}

func (w *writer) text(s string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return refuse(codec.ErrSyntax, "a string cannot be written in JSON")
	}
	return w.literal(string(b))
}

func (w *writer) literal(s string) error {
	if w.out = append(w.out, s...); len(w.out) > maxSize {
		return refuse(codec.ErrSyntax, "its aliases make it too large")
	}
	return nil
}

// position returns the line of n for an error text, if it is known.
func position(n ast.Node) string {
	if n == nil {
		return ""
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return fmt.Sprintf(" at line %d", t.Position.Line)
	}
	return ""
}
