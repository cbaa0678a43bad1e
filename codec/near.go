package codec

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/typedsecret/typedsecret/internal/guard"
)

// A kinship says how a key of a secret differs from one that T names.
type kinship int

const (
	stranger  kinship = iota
	separated         // differs by hyphens, underscores or dots, and maybe also like a sibling
	sibling           // differs only by case, blanks or invisible characters, so it must be a mistake
	same
)

// kin compares a key of the secret with a name. It is cheap for strangers.
func kin(key, name string) kinship {
	switch {
	case key == name:
		return same
	case len(key) > 4*len(name)+32:
		return stranger
	case strings.EqualFold(key, name):
		return sibling
	}
	key, name = strings.Map(visible, key), strings.Map(visible, name)
	if strings.EqualFold(key, name) {
		return sibling
	}
	if strings.EqualFold(separators.Replace(key), separators.Replace(name)) {
		return separated
	}
	return stranger
}

// plainKey returns the same for all keys that are kin, and seldom for others.
func plainKey(key string) string {
	return strings.Map(func(r rune) rune {
		if isHidden(r) || r == '-' || r == '_' || r == '.' {
			return -1
		}
		least := r // the least of the characters that differ only in case
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, key)
}

var separators = strings.NewReplacer("-", "", "_", "", ".", "")

// visible removes blanks and invisible characters: zero-width spaces, byte-order marks,
// soft hyphens, controls.
func visible(r rune) rune {
	if isHidden(r) {
		return -1
	}
	return r
}

func isHidden(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// difference returns a clause that says how near differs from the last key of path.
func difference(path, near string) string {
	if strings.ContainsFunc(near, isHidden) || strings.ContainsFunc(path, isHidden) {
		return "the difference is a blank or an invisible character"
	}
	last := []rune(path)
	last = last[max(0, len(last)-utf8.RuneCountInString(near)):]
	if strings.EqualFold(string(last), near) {
		return "case counts"
	}
	return "the names differ"
}

// nearText finds the part of a text without which a decoder would accept it. It returns a
// clause for the end of an error's reason, or "". The remedy is the advice about a final
// newline.
func nearText(text []byte, remedy string, takes func([]byte) bool) string {
	for _, miss := range []struct {
		without func([]byte) []byte
		clause  string
	}{
		{trimNewline, "; it ends with a newline, and would be taken without; " + remedy},
		{bytes.TrimSpace, "; there are blanks or newlines around it, and it would be taken without"},
		{trimHidden, "; there are invisible characters around it, such as a byte-order mark or a zero-width space, and it would be taken without"},
		{unquote, "; it stands in quotes, and would be taken without"},
	} {
		rest := miss.without(text)
		if len(rest) == len(text) || len(rest) == 0 {
			continue
		}
		taken := false
		_ = guard.Call("decoder", func() error {
			taken = takes(bytes.Clone(rest))
			return nil
		})
		if taken {
			return miss.clause
		}
	}
	return ""
}

// trimNewline removes one newline at the end of text.
func trimNewline(text []byte) []byte {
	rest, ok := bytes.CutSuffix(text, []byte("\n"))
	if !ok {
		return text
	}
	return bytes.TrimSuffix(rest, []byte("\r"))
}

// trimHidden removes invisible characters around text. It does not change text that is not
// UTF-8.
func trimHidden(text []byte) []byte {
	if !utf8.Valid(text) {
		return text
	}
	return bytes.TrimFunc(text, isHidden)
}

// unquote removes the quotes of a text in quotes, and white space around them.
func unquote(text []byte) []byte {
	inner := bytes.TrimSpace(text)
	n := len(inner)
	if n < 2 || inner[0] != inner[n-1] || inner[0] != '"' && inner[0] != '\'' && inner[0] != '`' {
		return text
	}
	return inner[1 : n-1]
}
