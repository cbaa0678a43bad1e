// Package table writes tables in Markdown. The columns are aligned, so that they are
// readable in a terminal too.
package table

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// A Table has a head, and rows with the same number of cells.
type Table struct {
	Head []string
	Rows [][]string
}

// Add appends a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// String returns the table in Markdown.
func (t *Table) String() string {
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], 3, utf8.RuneCountInString(clean(cell)))
		}
	}
	var b strings.Builder
	write := func(row []string) {
		for i, w := range widths {
			cell := ""
			if i < len(row) {
				cell = clean(row[i])
			}
			b.WriteString("| " + cell + strings.Repeat(" ", w-utf8.RuneCountInString(cell)) + " ")
		}
		b.WriteString("|\n")
	}
	write(t.Head)
	rule := make([]string, len(widths))
	for i, w := range widths {
		rule[i] = strings.Repeat("-", w)
	}
	write(rule)
	for _, row := range t.Rows {
		write(row)
	}
	return b.String()
}

func clean(cell string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(cell)
}

// Number writes a value with about three digits: 0.123, 12.3, 1,234.
func Number(v float64) string {
	abs := math.Abs(v)
	switch {
	case math.IsNaN(v):
		return "–"
	case math.IsInf(v, 0):
		return "∞"
	case v == math.Trunc(v) && abs < 1000:
		return fmt.Sprintf("%.0f", v)
	case abs >= 1000:
		return thousands(v)
	case abs >= 100:
		return fmt.Sprintf("%.0f", v)
	case abs >= 10:
		return fmt.Sprintf("%.1f", v)
	case abs >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func thousands(v float64) string {
	s := fmt.Sprintf("%.0f", math.Abs(v))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if v < 0 {
		s = "-" + s
	}
	return s
}
