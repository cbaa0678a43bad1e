package document

import (
	"fmt"
	"strings"
	"unicode"
)

// Env returns the secrets in lines of the form ID=VALUE, by their IDs. It skips blank lines
// and lines that begin with #, and the word export before an ID.
func Env(data []byte) (map[string]string, error) {
	data = withoutMark(data)
	secrets, lines := map[string]string{}, map[string]int{}
	offset := 0 // where the line begins
	for i, whole := range strings.Split(string(data), "\n") {
		end := offset + len(strings.TrimRightFunc(whole, unicode.IsSpace))
		// Each text below is a part of the line that reaches to end.
		wrong := func(text, what string) (map[string]string, error) {
			return nil, fmt.Errorf("%s: %s", positionOf(data, end-len(text)), what)
		}
		offset += len(whole) + 1
		line := strings.TrimSpace(whole)
		if line == "" || line[0] == '#' {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "export"); ok && strings.TrimLeft(rest, " \t") != rest {
			line = strings.TrimLeft(rest, " \t")
		}
		id, value, found := strings.Cut(line, "=")
		id = strings.TrimSpace(id)
		if !found || id == "" {
			return wrong(line, "ID=VALUE is expected")
		}
		if first, twice := lines[id]; twice {
			return wrong(line, fmt.Sprintf("another ID is expected: this one is in line %d already", first))
		}
		meant, rest, what := unquote(strings.TrimLeftFunc(value, unicode.IsSpace))
		if what != "" {
			return wrong(rest, what)
		}
		secrets[id], lines[id] = meant, i+1
	}
	return secrets, nil
}

var escapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '"': '"', '\\': '\\'}

// unquote returns the value of a quoted or bare text. If the text is malformed, it returns
// what is expected, and the rest of the text from the place where that is expected.
func unquote(text string) (value, rest, what string) {
	if text == "" || text[0] != '\'' && text[0] != '"' {
		return bare(text)
	}
	quote := text[0]
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == quote:
			if rest := strings.TrimSpace(text[i+1:]); rest != "" && rest[0] != '#' {
				return "", rest, "the end of the line or a # is expected after the closing quote"
			}
			return b.String(), "", ""
		case text[i] == '\\' && quote == '"':
			if i+1 == len(text) || escapes[text[i+1]] == 0 {
				return "", text[i:], `one of n, t, r, " and \ is expected after a backslash; in single quotes a backslash stands for itself`
			}
			i++
			b.WriteByte(escapes[text[i]])
		default:
			b.WriteByte(text[i])
		}
	}
	return "", text, "a closing quote is expected in this line"
}

// bare is like unquote, for a text without quotes.
func bare(text string) (value, rest, what string) {
	if strings.HasPrefix(text, "-----BEGIN") {
		return "", text, `a key or certificate is expected in double quotes, its lines parted by \n`
	}
	for i := range len(text) {
		if text[i] == '#' && (i == 0 || text[i-1] == ' ' || text[i-1] == '\t') {
			return strings.TrimSpace(text[:i]), "", ""
		}
	}
	return text, "", ""
}
