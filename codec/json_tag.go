package codec

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A fieldTag is the parsed json tag of a field.
type fieldTag struct {
	text     string // the text of the tag
	isThere  bool
	isOut    bool   // the tag is "-": the field has no key
	name     string // "" if the tag gives none
	optional bool   // omitempty or omitzero
	quoted   bool   // string
}

// readTag reads a field's json tag. The trouble names a part of the tag that encoding/json
// would silently ignore. It is the predicate of a sentence about the field.
func readTag(sf reflect.StructField) (tag fieldTag, trouble string) {
	tag.text, tag.isThere, trouble = findTag(string(sf.Tag))
	if trouble != "" || !tag.isThere {
		return tag, trouble
	}
	if tag.text == "-" {
		tag.isOut = true
		return tag, ""
	}
	name, options, _ := strings.Cut(tag.text, ",")
	if !validName(name) {
		return tag, fmt.Sprintf("has the name %q in its json tag, which cannot be a key: it may hold letters, digits and punctuation other than quotes, backslashes and commas; rename the key", name)
	}
	tag.name = name
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "":
		case "omitempty", "omitzero":
			tag.optional = true
		case "string":
			tag.quoted = true
		case "inline":
			if name != "" || embeddedStruct(sf) == nil {
				return tag, `has the option "inline" in its json tag, which would be ignored; embed the struct without a name, or leave the option out`
			}
		default:
			return tag, fmt.Sprintf("has the option %q in its json tag, which would be ignored; the options are omitempty, omitzero and string", option)
		}
	}
	return tag, ""
}

// findTag finds the json tag among a field's tags. The trouble is about a json tag that
// reflect.StructTag.Get doesn't find.
func findTag(tags string) (text string, found bool, trouble string) {
	for {
		key, quoted, rest := cutTag(tags)
		value, err := strconv.Unquote(quoted)
		switch {
		case key == "" && found:
			return text, true, ""
		case (key == "" || key == "json" && err != nil) && mentionsJSON(tags):
			return "", false, fmt.Sprintf("has a malformed tag, `%s`, which is ignored; write `json:\"name\"`, without blanks, and one blank between two tags", tags)
		case key == "":
			return "", false, trouble
		case key == "json" && found:
			return "", false, "has two json tags, of which the second is ignored; leave one out"
		case key == "json":
			text, found, trouble = value, true, ""
		case !found && strings.EqualFold(strings.Trim(key, ",;'"), "json"):
			trouble = fmt.Sprintf("has a tag with the key %q, which is ignored; write `json:%s`, with a blank between two tags", key, quoted)
		}
		tags = rest
	}
}

// cutTag cuts the first key:"value" from tags by the rules of
// reflect.StructTag.Lookup. The key is empty if there is none.
func cutTag(tags string) (key, quoted, rest string) {
	tags = strings.TrimLeft(tags, " ")
	i := strings.IndexFunc(tags, func(r rune) bool { return r <= ' ' || r == ':' || r == '"' || r == 0x7f })
	if i <= 0 || !strings.HasPrefix(tags[i:], `:"`) {
		return "", "", ""
	}
	key, tags = tags[:i], tags[i+1:]
	for i := 1; i < len(tags); i++ {
		switch tags[i] {
		case '\\':
			i++
		case '"':
			return key, tags[:i+1], tags[i+1:]
		}
	}
	return "", "", ""
}

// mentionsJSON reports whether the word json, in any case, is in text.
func mentionsJSON(text string) bool {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	return slices.Contains(words, "json")
}

// validName reports whether encoding/json would accept a tag's name as a key.
func validName(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) &&
			!strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r)
	})
}

// embeddedStruct returns the struct type that a field embeds, also by pointer, or nil.
func embeddedStruct(sf reflect.StructField) reflect.Type {
	t := sf.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if sf.Anonymous && t.Kind() == reflect.Struct {
		return t
	}
	return nil
}

// isScalar reports whether `,string` has an effect on a field of type t.
func isScalar(t reflect.Type) bool {
	if t.Name() == "" && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch k := t.Kind(); {
	case t == redactedType, k == reflect.String, k == reflect.Bool, reflect.Int <= k && k <= reflect.Float64:
		return true
	}
	return false
}
