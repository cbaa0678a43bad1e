// Package report writes what a check found, for people and for tools.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"go/token"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A Level says how bad a finding is.
type Level string

// The levels, in the words of SARIF.
const (
	Error   Level = "error"
	Warning Level = "warning" // something could not be checked
	Note    Level = "note"
)

// A Finding is one thing that is wrong, or could not be checked. It holds no value of a secret.
type Finding struct {
	Rule     string         `json:"rule"` // such as missing-key
	Level    Level          `json:"level"`
	Secret   string         `json:"secret"`
	Message  string         `json:"message"`
	Position token.Position `json:"-"`

	File string `json:"file,omitempty"` // Write fills these three
	Line int    `json:"line,omitempty"`
	Col  int    `json:"column,omitempty"`
}

// Formats are the names of the formats of [Write].
var Formats = []string{"text", "json", "sarif", "github"}

// OneLine returns text with its control characters escaped, since an ID may hold a line that a
// terminal or a CI service takes for a command.
func OneLine(text string) string {
	if !strings.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	quoted := strconv.Quote(text)
	return quoted[1 : len(quoted)-1]
}

// Write writes findings in a format. The names of files are relative to dir. The summary is for
// people.
func Write(w io.Writer, format, dir string, findings []Finding, summary string) error {
	list := append([]Finding{}, findings...)
	for i := range list {
		f := &list[i]
		f.File, f.Line, f.Col = Relative(dir, f.Position.Filename), f.Position.Line, f.Position.Column
	}
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Secret, b.Secret), cmp.Compare(a.Message, b.Message))
	})
	switch format {
	case "text":
		for _, f := range list {
			if _, err := fmt.Fprintf(w, "%s:%d: %s: %s: %s\n", f.File, f.Line, word(f), OneLine(f.Secret), OneLine(f.Message)); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintln(w, summary)
		return err
	case "json":
		return writeJSON(w, struct {
			Findings []Finding `json:"findings"`
			Summary  string    `json:"summary"`
		}{list, summary})
	case "sarif":
		return writeJSON(w, sarif(list))
	case "github":
		return github(w, list, summary)
	}
	return fmt.Errorf("the format %q is not known; the formats are %s", format, strings.Join(Formats, ", "))
}

// word is the rule of an error, and the level of other findings.
func word(f Finding) string {
	if f.Level == Error {
		return f.Rule
	}
	return string(f.Level)
}

// Relative returns a file's name relative to a folder, with slashes. A file that is far from the
// folder, as in the module cache, keeps its full name.
func Relative(dir, file string) string {
	rel, err := filepath.Rel(dir, file)
	if rel = filepath.ToSlash(rel); err != nil || strings.HasPrefix(rel, "../../../") {
		return filepath.ToSlash(file)
	}
	return rel
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// github writes the workflow commands by which GitHub shows a finding beside its line.
func github(w io.Writer, list []Finding, summary string) error {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, f := range list {
		level := map[Level]string{Error: "error", Warning: "warning", Note: "notice"}[f.Level]
		if _, err := fmt.Fprintf(w, "::%s file=%s,line=%d,title=%s::%s\n", level,
			property.Replace(f.File), f.Line, property.Replace("typedsecret "+f.Rule), data.Replace(f.Secret+": "+f.Message)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, summary)
	return err
}
