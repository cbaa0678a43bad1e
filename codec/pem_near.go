package codec

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"regexp"
	"unicode/utf16"
)

var (
	beginMark = []byte("-----BEGIN")
	endMark   = []byte("-----END")

	// markers match the lines around a block, also with typographic dashes.
	markers  = regexp.MustCompile(`[-‐-―−]{1,6}(BEGIN|END) ([A-Z0-9 ]+?)[-‐-―−]{1,6}`)
	indented = regexp.MustCompile(`(?m)^[ \t]+`)
)

// pemLooks finds out how a text was changed that should be PEM. It returns a clause for the
// end of an error's reason, or "". A change is reported only if the whole text can be read
// after the change is undone.
func pemLooks(text []byte) string {
	for _, look := range []struct {
		undo   func([]byte) []byte
		clause string
	}{
		{undoJSON, `; it looks like a JSON string, in quotes and with \n for its line ends: store the text itself`},
		{unquote, "; it looks like PEM text in quotes: store it without"},
		{undoEscapes, `; it looks like PEM text with \n, a backslash and a letter, for its line ends: store real ones`},
		{undoUTF16, "; it looks like UTF-16: store it as UTF-8"},
		{undoBase64, "; it looks like PEM text in base64: store the text itself"},
		{undoPercent, "; it looks like PEM text that is encoded for a URL: store the text itself"},
		{undoReturns, "; it looks like PEM text with carriage returns only for its line ends: store newlines"},
		{undoIndent, "; it looks like PEM text that is indented: store it without"},
		{undoMark, "; it looks like PEM text behind a byte-order mark: store it without"},
		{undoOneLine(true), "; it looks like PEM text with blanks for its line ends: store real ones"},
		{undoOneLine(false), "; it looks like PEM text on one line, or with other text in the lines of its BEGIN or END: store each in a line of its own"},
		{undoDashes, "; it looks like PEM text whose dashes were changed: BEGIN and END have five hyphens on each side"},
		{armoured, "; it looks like the base64 inside of PEM, without the lines of BEGIN and END"},
	} {
		undone := look.undo(text)
		if len(undone) == 0 || bytes.Equal(undone, text) {
			continue
		}
		if isWholePEM(undone) {
			return look.clause
		}
	}
	begins, ends := bytes.Contains(text, beginMark), bytes.Contains(text, endMark)
	switch {
	case begins && !ends:
		return "; it has no END: it was cut short"
	case ends && !begins:
		return "; it has no BEGIN: its beginning was cut off"
	case isDER(text):
		return "; it looks like DER, or a PKCS #12 file: convert it with openssl"
	}
	return ""
}

// isWholePEM reports whether text consists of PEM blocks, with other text only before them.
func isWholePEM(text []byte) bool {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return false
		}
		read := text[:len(text)-len(rest)]
		if bytes.Count(read, beginMark) != 1 || bytes.Count(read, endMark) != 1 {
			return false
		}
		if len(bytes.TrimSpace(rest)) == 0 {
			return true
		}
		text = rest
	}
}

func undoJSON(text []byte) []byte {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || text[0] != '"' || !bytes.Contains(text, []byte(`\n`)) {
		return nil
	}
	if _, reason := checkJSON(text); reason != "" {
		return nil
	}
	d := decoder{data: text}
	return d.text()
}

var realEscapes = bytesReplacer(`\r`, "", `\\n`, "\n", `\n`, "\n")

func undoEscapes(text []byte) []byte { return realEscapes(unquote(text)) }

func undoUTF16(text []byte) []byte {
	if len(text)%2 != 0 || bytes.IndexByte(text, 0) < 0 {
		return nil
	}
	high := 0
	if text[0] != 0 && text[0] != 0xfe {
		high = 1
	}
	units := make([]uint16, len(text)/2)
	for i := range units {
		units[i] = uint16(text[2*i+high])<<8 | uint16(text[2*i+1-high])
	}
	return undoMark([]byte(string(utf16.Decode(units))))
}

func undoBase64(text []byte) []byte {
	if inner := debase64(text); bytes.Contains(inner, beginMark) {
		return inner
	}
	return nil
}

// debase64 decodes base64 with any alphabet, lines and padding. It returns nil if text is
// not base64.
func debase64(text []byte) []byte {
	text = bytes.Join(bytes.Fields(unquote(text)), nil)
	text = bytes.TrimRight(bytesReplacer("-", "+", "_", "/")(text), "=")
	inner := make([]byte, base64.RawStdEncoding.DecodedLen(len(text)))
	n, err := base64.RawStdEncoding.Decode(inner, text)
	if err != nil {
		return nil
	}
	return inner[:n]
}

var percents = bytesReplacer("%0D", "", "%0d", "", "%0A", "\n", "%0a", "\n", "%20", " ", "%2B", "+", "%2b", "+",
	"%2F", "/", "%2f", "/", "%3D", "=", "%3d", "=", "%3A", ":", "%3a", ":")

// pluses turns the pluses of a form's encoding back into blanks.
var pluses = bytesReplacer("BEGIN+", "BEGIN ", "END+", "END ", "RSA+", "RSA ", "EC+PRIVATE", "EC PRIVATE", "PRIVATE+KEY", "PRIVATE KEY")

func undoPercent(text []byte) []byte {
	if bytes.IndexByte(text, '%') < 0 {
		return nil
	}
	return percents(pluses(text))
}

func undoReturns(text []byte) []byte {
	if bytes.IndexByte(text, '\n') >= 0 {
		return nil
	}
	return bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
}

func undoIndent(text []byte) []byte { return indented.ReplaceAll(text, nil) }

func undoMark(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\ufeff")) }

// undoOneLine puts BEGIN and END on lines of their own. If blanks is set, it does so only
// if blanks are in place of the line ends.
func undoOneLine(blanks bool) func([]byte) []byte {
	return func(text []byte) []byte {
		if blanks && !bytes.Contains(text, []byte("----- ")) {
			return nil
		}
		return markers.ReplaceAllFunc(text, func(mark []byte) []byte {
			if !bytes.HasPrefix(mark, beginMark) && !bytes.HasPrefix(mark, endMark) {
				return mark
			}
			return []byte("\n" + string(mark) + "\n")
		})
	}
}

func undoDashes(text []byte) []byte {
	return markers.ReplaceAll(text, []byte("\n-----$1 $2-----\n"))
}

// armoured puts BEGIN and END around base64 of DER.
func armoured(text []byte) []byte {
	if inner := debase64(text); isDER(inner) {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: inner})
	}
	return nil
}

func isDER(data []byte) bool {
	var v asn1.RawValue
	rest, err := asn1.Unmarshal(data, &v)
	return err == nil && len(rest) == 0 && v.Class == asn1.ClassUniversal && v.Tag == asn1.TagSequence && len(v.Bytes) > 16
}

// bytesReplacer replaces the first text of each pair by the second.
func bytesReplacer(pairs ...string) func([]byte) []byte {
	return func(text []byte) []byte {
		for i := 0; i < len(pairs); i += 2 {
			text = bytes.ReplaceAll(text, []byte(pairs[i]), []byte(pairs[i+1]))
		}
		return text
	}
}
