package yaml

import (
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// The parser changes some texts that span lines, drops tabs from unquoted ones, and accepts
// some invalid texts. The functions here find these texts by the way they are written, so
// that they can be refused. They return the reason, or "" if the parser keeps the text
// unchanged.

const (
	inQuotes = "; put the text into double quotes, on one line"
	tabs     = "has a tab in it that the parser of YAML may drop" + inQuotes + `, with \t for a tab`
)

// tabbedBlock finds a block whose first line begins with a tab. The parser cuts such a
// block short, or reads it as something else.
var tabbedBlock = regexp.MustCompile(`[|>][-+0-9]{0,2}[ \t]*(?: #[^\n]*)?\n(?:[ \t]*\n)* *\t`)

// markerGoesOn finds a line that begins with the marker between two documents and has more
// text. The parser skips such a line, or reads it as text.
var markerGoesOn = regexp.MustCompile(`(?m)^(?:---[^-\s]|\.\.\.\S)`)

func changedText(n *ast.StringNode) string {
	t := n.GetToken()
	switch {
	case t.Type == token.SingleQuoteType && quoteAtLineStart.MatchString(t.Origin):
		return "has quotes at the beginning of a line, where the parser of YAML changes blanks" + inQuotes
	case t.Type == token.DoubleQuoteType && escapeAtLineEnd.MatchString(t.Origin):
		return "has an escape at the end of a line, where the parser of YAML changes blanks" + inQuotes
	case t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType:
		if tabAtLineEnd.MatchString(t.Origin) {
			return tabs
		}
	case strings.Contains(strings.TrimSpace(t.Origin), "\t"), strings.Contains(n.Value, "\t"):
		return tabs
	case strings.Contains(n.Value, "\n"):
		return "has an empty line in it, without quotes, which the parser of YAML may drop" + inQuotes
	case comment.MatchString(n.Value):
		return "has a # behind a blank, which begins a comment in YAML" + inQuotes
	case indicator.MatchString(n.Value):
		return "begins with a character that means something in YAML" + inQuotes
	}
	return ""
}

var (
	tabAtLineEnd     = regexp.MustCompile(`\t[ \t]*\n|\n[ \t]*\t`)
	quoteAtLineStart = regexp.MustCompile(`\n[ \t]*''`)
	// escapeAtLineEnd matches an escaped line end before an empty line, or an escaped blank
	// before a line end.
	escapeAtLineEnd = regexp.MustCompile(`\\\n[ \t]*\n|\\[ \t]+\n`)
	comment         = regexp.MustCompile(`\s#`)
	// indicator matches beginnings that no unquoted text has.
	indicator = regexp.MustCompile("^[-?:](?:\\s|$)|^[]\\[{},#&*!|>'\"%@`]")
)

// changedBlock checks texts that begin with | or >.
func changedBlock(n *ast.LiteralNode) string {
	var (
		origin    = n.Value.GetToken().Origin
		style     = n.Start.Value
		indicated = strings.ContainsAny(style, "123456789")
		indent    = -1 // the indentation of the first line that is not empty
		widest    = 0  // the widest empty line before that
		last      = "" // the last line of text
	)
	for line := range strings.Lines(origin) {
		line = strings.TrimSuffix(line, "\n")
		blanks := len(line) - len(strings.TrimLeft(line, " "))
		isEmpty := blanks == len(line)
		switch {
		case indent < 0 && isEmpty:
			widest = max(widest, blanks)
			continue
		case indent < 0:
			indent = blanks
		case style[0] == '>' && len(line) > indent && strings.Trim(line, " \t") == "":
			return "has a line of blanks, which the parser of YAML changes" + inQuotes
		}
		if !isEmpty || blanks > indent {
			last = line
		}
	}
	if indicated && n.Value.Value == "" {
		return "has no text but blanks, which the parser of YAML drops" + inQuotes
	}
	if indicated {
		last = strings.TrimRight(origin, "\n")
	} else if indent >= 0 && widest > indent {
		return "begins with a line of blanks wider than its text, which YAML does not allow" + inQuotes
	}
	if strings.Contains(style, "-") && strings.TrimRight(last, " \t") != last {
		return "has blanks at its end, which the parser of YAML drops" + inQuotes
	}
	return ""
}

// isIndent reports whether a line of blanks at the end of a block is not part of its text.
func isIndent(blanks string, n *ast.LiteralNode) bool {
	if strings.ContainsAny(n.Start.Value, "123456789+") || strings.Contains(blanks, "\t") {
		return false
	}
	for line := range strings.Lines(n.Value.GetToken().Origin) {
		if text := strings.TrimLeft(line, " "); text != "\n" {
			return len(blanks) <= len(line)-len(text)
		}
	}
	return false
}

// misplaced reports whether a block mapping or sequence is too far to the left to be the
// value of a key, or an element after a dash, in column at. The parser would use it as the
// value of an empty element before it.
func misplaced(n ast.Node, at int, isElement bool) bool {
	switch n := n.(type) {
	case *ast.AnchorNode:
		return misplaced(n.Value, at, isElement)
	case *ast.TagNode:
		return misplaced(n.Value, at, isElement)
	case *ast.MappingNode:
		return !n.IsFlowStyle && len(n.Values) > 0 && column(n.Values[0].Key) <= at
	case *ast.MappingValueNode:
		return column(n.Key) <= at
	case *ast.SequenceNode:
		// The dashes of a key's sequence may be in the same column as the key.
		return !n.IsFlowStyle && (column(n) < at || isElement && column(n) == at)
	}
	return false
}

// column returns the column of a node, beginning with 1. For a node without a position it
// returns a very large number.
func column(n ast.Node) int {
	if n != nil {
		if t := n.GetToken(); t != nil && t.Position != nil {
			return t.Position.Column
		}
	}
	return 1 << 30
}
