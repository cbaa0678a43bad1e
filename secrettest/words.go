package secrettest

import (
	"slices"
	"strings"
	"unicode"
)

// mentions reports whether each word of the text is the beginning of some word of an
// attribute. Case does not count. A text without words is never found.
//
// The API Reference mentions a prefix (Filter, description) and words (all). Moto's tests,
// which also run against AWS, show that both keys match like this: test_with_all_filter,
// test_with_all_filter_special_characters, test_with_filter_with_value_with_multiple_words
// in its test_list_secrets.py.
func mentions(attribute, text string) bool {
	wanted, has := words(text), words(attribute)
	for _, w := range wanted {
		if !slices.ContainsFunc(has, func(h string) bool { return strings.HasPrefix(h, w) }) {
			return false
		}
	}
	return len(wanted) > 0
}

// words splits a text at characters that are neither letters nor digits, and before a
// capital that begins a word: FTag is f and tag, and COMPANYthings is compan and ythings.
// The words are in lower case.
func words(text string) (found []string) {
	notOne := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	for part := range strings.FieldsFuncSeq(text, notOne) {
		runes, start := []rune(part), 0
		for i := 1; i < len(runes); i++ {
			follows := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if unicode.IsUpper(runes[i]) && (follows || !unicode.IsUpper(runes[i-1])) {
				found = append(found, strings.ToLower(string(runes[start:i])))
				start = i
			}
		}
		found = append(found, strings.ToLower(string(runes[start:])))
	}
	return found
}
