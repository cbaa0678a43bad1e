package local

import (
	"unicode/utf16"
	"unicode/utf8"
)

// Replaced finds the first part of a JSON text that encoding/json would silently replace by
// U+FFFD, and so change the secret: a byte that is not UTF-8, or half a surrogate pair. It
// returns the offset and a description. If there is no such part, the description is empty.
func Replaced(json []byte) (at int, what string) {
	for at < len(json) {
		if json[at] == '\\' {
			n, whole := escape(json[at:])
			if !whole {
				return at, "half of a surrogate pair"
			}
			at += n
			continue
		}
		r, n := utf8.DecodeRune(json[at:])
		if r == utf8.RuneError && n == 1 {
			return at, "not UTF-8"
		}
		at += n
	}
	return 0, ""
}

// escape returns the length of the escape at the beginning of b, and whether it stands for
// a whole character. The parser finds malformed escapes.
func escape(b []byte) (n int, whole bool) {
	r := escaped(b)
	if !utf16.IsSurrogate(r) {
		return min(2, len(b)), true
	}
	if len(b) > 6 && utf16.DecodeRune(r, escaped(b[6:])) != utf8.RuneError {
		return 12, true
	}
	return 0, false
}

// escaped returns the code unit of an escape such as \u0041 at the beginning of b, or -1 if
// there is none.
func escaped(b []byte) (r rune) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}
