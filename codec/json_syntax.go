package codec

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of arrays and objects, and so the stack of a decoder.
// encoding/json allows 10,000. No real secret needs as much as 512.
const maxDepth = 512

// checkJSON checks that data is one JSON value by RFC 8259. If it is not, it returns where
// and why; otherwise the reason is "". It does not depend on T, so the decoder that follows
// need not check the syntax.
func checkJSON(data []byte) (at int, reason string) {
	s := syntax{data: data}
	s.space()
	switch {
	case s.pos == len(data):
		return 0, "the secret is empty"
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return 0, "it begins with a byte-order mark"
	}
	if !s.value(0) {
		return s.pos, s.reason
	}
	s.space()
	if s.pos < len(data) {
		return s.pos, "there is more behind the JSON value"
	}
	return 0, ""
}

type syntax struct {
	data   []byte
	pos    int
	reason string // why value returned false
}

// bad records the reason and returns false, so that a check can end with it.
func (s *syntax) bad(reason string) bool {
	s.reason = reason
	if s.pos >= len(s.data) {
		s.reason = "the JSON ends too early"
	}
	return false
}

func (s *syntax) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// at reports whether the next byte is c.
func (s *syntax) at(c byte) bool { return s.pos < len(s.data) && s.data[s.pos] == c }

func (s *syntax) value(depth int) bool {
	if s.pos >= len(s.data) {
		return s.bad("")
	}
	switch c := s.data[s.pos]; {
	case c == '"':
		return s.str()
	case c == '{' || c == '[':
		if depth == maxDepth {
			return s.bad("it nests too deeply")
		}
		if c == '{' {
			return s.object(depth + 1)
		}
		return s.array(depth + 1)
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	case c == '-' || '0' <= c && c <= '9':
		n := numberLen(s.data[s.pos:])
		if n == 0 {
			return s.bad("malformed number")
		}
		s.pos += n
		return true
	}
	return s.bad("this is not JSON")
}

func (s *syntax) word(w string) bool {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(w)) {
		return s.bad("this is not JSON")
	}
	s.pos += len(w)
	return true
}

func (s *syntax) array(depth int) bool {
	s.pos++
	s.space()
	if s.at(']') {
		s.pos++
		return true
	}
	for {
		s.space()
		if !s.value(depth) {
			return false
		}
		s.space()
		switch {
		case s.at(']'):
			s.pos++
			return true
		case !s.at(','):
			return s.bad("a comma or the end of the array is wanted")
		}
		s.pos++
	}
}

func (s *syntax) object(depth int) bool {
	s.pos++
	s.space()
	if s.at('}') {
		s.pos++
		return true
	}
	for {
		s.space()
		if !s.at('"') {
			return s.bad("a key in double quotes is wanted")
		}
		if !s.str() {
			return false
		}
		s.space()
		if !s.at(':') {
			return s.bad("a colon is wanted after the key")
		}
		s.pos++
		s.space()
		if !s.value(depth) {
			return false
		}
		s.space()
		switch {
		case s.at('}'):
			s.pos++
			return true
		case !s.at(','):
			return s.bad("a comma or the end of the object is wanted")
		}
		s.pos++
	}
}

func (s *syntax) str() bool {
	s.pos++
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return true
		case c == '\\':
			if !s.escape() {
				return false
			}
		case c < ' ':
			return s.bad("a control character stands unescaped in a string")
		case c < utf8.RuneSelf:
			s.pos++
		default:
			r, n := utf8.DecodeRune(s.data[s.pos:])
			if r == utf8.RuneError && n == 1 {
				return s.bad("a string is not valid UTF-8")
			}
			s.pos += n
		}
	}
	return s.bad("")
}

func (s *syntax) escape() bool {
	rest := s.data[s.pos:]
	if len(rest) < 2 {
		s.pos = len(s.data)
		return s.bad("")
	}
	switch rest[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos += 2
		return true
	case 'u':
		r, n := unicodeEscape(rest)
		if n == 0 {
			return s.bad("malformed \\u escape in a string")
		}
		if r == utf8.RuneError && utf16.IsSurrogate(hex4(rest[2:])) {
			return s.bad("half of a surrogate pair in a string")
		}
		s.pos += n
		return true
	}
	return s.bad("unknown escape in a string")
}

// unicodeEscape reads \uXXXX at the beginning of b, or two of them that make a surrogate
// pair. It returns the number of bytes read, or 0 if b is malformed. It returns U+FFFD for
// half a pair.
func unicodeEscape(b []byte) (r rune, n int) {
	if len(b) < 6 {
		return 0, 0
	}
	r = hex4(b[2:])
	switch {
	case r < 0:
		return 0, 0
	case !utf16.IsSurrogate(r):
		return r, 6
	case len(b) >= 12 && b[6] == '\\' && b[7] == 'u':
		if pair := utf16.DecodeRune(r, hex4(b[8:])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// hex4 reads four hexadecimal digits. It returns a negative number if they are not.
func hex4(b []byte) rune {
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape returns the text of a well-formed string, given the bytes between its quotes.
func unescape(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			i++
			continue
		}
		switch c := raw[i+1]; c {
		case 'u':
			r, n := unicodeEscape(raw[i:])
			out = utf8.AppendRune(out, r)
			i += n
			continue
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		default:
			out = append(out, c)
		}
		i += 2
	}
	return out
}

// numberLen returns the length of the JSON number at the beginning of b, or 0 if there is
// none.
func numberLen(b []byte) int {
	i := 0
	digits := func() bool {
		start := i
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		return i > start
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return 0
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

// isNumber reports whether the whole of b is a JSON number.
func isNumber(b []byte) bool { return len(b) > 0 && numberLen(b) == len(b) }
