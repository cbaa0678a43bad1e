package handles

import (
	"slices"
	"strings"
)

// A Text is what is known of a string that the program makes: parts that are known, and holes
// between them. The zero Text is the empty string.
type Text struct {
	Parts []Part
}

// A Part is a known piece of a Text, or a hole.
type Part struct {
	Literal string
	Hole    *Hole // nil if the part is Literal
}

// A Hole is a piece of a Text that only a run of the program knows.
type Hole struct {
	Origin  string  // where it comes from, as a phrase: the environment variable STAGE
	Env     string  // the environment variable that it is, or ""
	Default *string // its value if no other is given, such as that of a flag

	isParameter bool // of a function whose callers may be known
}

func literal(s string) Text { return Text{[]Part{{Literal: s}}} }

func unknown(origin string) Text { return Text{[]Part{{Hole: &Hole{Origin: origin}}}} }

// Constant returns the string if all of it is known.
func (t Text) Constant() (s string, ok bool) {
	return t.Resolve(func(Hole) (string, bool) { return "", false })
}

// Resolve returns the string, with the holes as fill gives them. It reports false if fill does
// not know one.
func (t Text) Resolve(fill func(Hole) (string, bool)) (s string, ok bool) {
	var b strings.Builder
	for _, p := range t.Parts {
		s := p.Literal
		if p.Hole != nil {
			if s, ok = fill(*p.Hole); !ok {
				return "", false
			}
		}
		b.WriteString(s)
	}
	return b.String(), true
}

// Pattern returns the string with a * for each hole.
func (t Text) Pattern() string {
	s, _ := t.Resolve(func(Hole) (string, bool) { return "*", true })
	for strings.Contains(s, "**") {
		s = strings.ReplaceAll(s, "**", "*")
	}
	return s
}

// String returns the string with the origin of each hole in braces.
func (t Text) String() string {
	s, _ := t.Resolve(func(h Hole) (string, bool) { return "{" + h.Origin + "}", true })
	return s
}

// Origins returns the origins of the holes.
func (t Text) Origins() (origins []string) {
	for _, p := range t.Parts {
		if p.Hole != nil && !slices.Contains(origins, p.Hole.Origin) {
			origins = append(origins, p.Hole.Origin)
		}
	}
	return origins
}

func (t Text) isOpen() bool {
	return slices.ContainsFunc(t.Parts, func(p Part) bool { return p.Hole != nil && p.Hole.isParameter })
}

// join returns the texts one after the other.
func join(texts ...Text) (t Text) {
	for _, text := range texts {
		for _, p := range text.Parts {
			if n := len(t.Parts); n > 0 && p.Hole == nil && t.Parts[n-1].Hole == nil {
				t.Parts[n-1].Literal += p.Literal
				continue
			}
			t.Parts = append(t.Parts, p)
		}
	}
	return t
}

// maxAlternatives is how many strings an expression may be before the rest counts as unknown.
const maxAlternatives = 64

// product returns each of the first texts with each of the second behind it.
func product(first, second []Text) (all []Text) {
	for _, a := range first {
		for _, b := range second {
			if len(all) == maxAlternatives {
				return append(all, unknown("more than 64 alternatives"))
			}
			all = append(all, join(a, b))
		}
	}
	return all
}

// distinct returns the texts without those that are there twice.
func distinct(texts []Text) (kept []Text) {
	seen := map[string]bool{}
	for _, t := range texts {
		if key := t.String(); !seen[key] {
			seen[key] = true
			kept = append(kept, t)
		}
	}
	if len(kept) > maxAlternatives {
		kept = append(kept[:maxAlternatives:maxAlternatives], unknown("more than 64 alternatives"))
	}
	return kept
}

// Filled returns the text with the holes that fill knows as literals. If fill does not know a
// hole that has a default, it gets that. A nil fill knows nothing.
func (t Text) Filled(fill func(Hole) (string, bool)) Text {
	var filled []Text
	for _, p := range t.Parts {
		if p.Hole != nil {
			s, ok := "", false
			if fill != nil {
				s, ok = fill(*p.Hole)
			}
			if !ok && p.Hole.Default != nil {
				s, ok = *p.Hole.Default, true
			}
			if ok {
				p = Part{Literal: s}
			}
		}
		filled = append(filled, Text{[]Part{p}})
	}
	return join(filled...)
}

// FromEnvironment fills holes that are environment variables.
func FromEnvironment(lookup func(string) (string, bool)) func(Hole) (string, bool) {
	return func(h Hole) (string, bool) {
		if h.Env == "" {
			return "", false
		}
		s, ok := lookup(h.Env)
		return s, ok && s != ""
	}
}
