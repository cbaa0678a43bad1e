package codec_test

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/typedsecret/typedsecret/codec"
)

// spoiltPEM lists ways in which tools and people change PEM text.
var spoiltPEM = map[string]struct {
	spoil func(string) string
	says  string
}{
	"literal \\n":            {func(s string) string { return strings.ReplaceAll(s, "\n", `\n`) }, `\n, a backslash and a letter`},
	"literal \\r\\n":         {func(s string) string { return strings.ReplaceAll(s, "\n", `\r\n`) }, `\n, a backslash and a letter`},
	"literal \\\\n":          {func(s string) string { return strings.ReplaceAll(s, "\n", `\\n`) }, `\n, a backslash and a letter`},
	"literal \\n in quotes":  {func(s string) string { return "'" + strings.ReplaceAll(s, "\n", `\n`) + "'" }, `\n, a backslash and a letter`},
	"a JSON string":          {func(s string) string { return quote(s) }, "a JSON string"},
	"a JSON string, escaped": {func(s string) string { return strings.ReplaceAll(quote(s), "-", `\u002d`) }, "a JSON string"},
	"quotes":                 {func(s string) string { return `"` + s + `"` }, "in quotes"},
	"single quotes":          {func(s string) string { return "'" + s + "'\n" }, "in quotes"},
	"base64":                 {func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }, "in base64"},
	"base64 for URLs":        {func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) + "\n" }, "in base64"},
	"base64 in lines":        {func(s string) string { return inLines(base64.StdEncoding.EncodeToString([]byte(s))) }, "in base64"},
	"blanks":                 {func(s string) string { return strings.ReplaceAll(s, "\n", " ") }, "blanks for its line ends"},
	"one line":               {func(s string) string { return strings.ReplaceAll(s, "\n", "") }, "on one line"},
	"BEGIN behind a text":    {func(s string) string { return "key: " + s }, "on one line, or with other text"},
	"a form's encoding":      {url.QueryEscape, "encoded for a URL"},
	"a path's encoding":      {url.PathEscape, "encoded for a URL"},
	"carriage returns":       {func(s string) string { return strings.ReplaceAll(s, "\n", "\r") }, "carriage returns"},
	"indented":               {func(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }, "indented"},
	"indented by tabs":       {func(s string) string { return "\t" + strings.ReplaceAll(s, "\n", "\n\t") }, "indented"},
	"byte-order mark":        {func(s string) string { return "\ufeff" + s }, "byte-order mark"},
	"UTF-16":                 {func(s string) string { return utf16Text(s, 0) }, "UTF-16"},
	"UTF-16, big end first":  {func(s string) string { return utf16Text(s, 1) }, "UTF-16"},
	"dashes":                 {func(s string) string { return strings.ReplaceAll(s, "-----", "—-") }, "dashes were changed"},
	"four dashes":            {func(s string) string { return strings.ReplaceAll(s, "-----", "----") }, "dashes were changed"},
	"no END":                 {func(s string) string { return s[:strings.Index(s, "-----END")] }, "it has no END"},
	"no BEGIN":               {func(s string) string { return s[strings.Index(s, "\n"):] }, "it has no BEGIN"},
	"the inside only":        {func(s string) string { return base64.StdEncoding.EncodeToString(der(s)) }, "without the lines of BEGIN and END"},
	"DER":                    {func(s string) string { return string(der(s)) }, "DER"},
}

func quote(s string) string {
	b, err := json.Marshal(s)
	check(err)
	return string(b)
}

func inLines(s string) string {
	var lines []string
	for ; len(s) > 76; s = s[76:] {
		lines = append(lines, s[:76])
	}
	return strings.Join(append(lines, s), "\r\n")
}

func utf16Text(s string, high int) string {
	var b []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
		unit := []byte{byte(u), byte(u >> 8)}
		b = append(b, unit[high], unit[1-high])
	}
	return string(b)
}

// TestSpoiltPEMIsRecognised alone, after a good block, in an object and in a field.
func TestSpoiltPEMIsRecognised(t *testing.T) {
	p := newPKI()
	for name, row := range spoiltPEM {
		for label, text := range map[string]string{"certificate": p.leafPEM, "PKCS #8": p.keyPKCS8, "PKCS #1": p.rsaPKCS1} {
			spoilt := row.spoil(text)
			errs := map[string]error{
				"alone":           failure[tls.Certificate](codec.PEM{}, spoilt),
				"alone, a signer": failure[crypto.Signer](codec.PEM{}, spoilt),
			}
			if !strings.Contains(name, "16") && name != "DER" { // JSON can't hold these
				errs["key: "] = failure[tls.Certificate](codec.PEM{}, object("certificate", p.caPEM, "key", spoilt))
				errs["V: "] = failure[one[*x509.Certificate]](codec.JSON{}, object("V", spoilt))
				errs["V[1]: "] = failure[one[[]*x509.Certificate]](codec.JSON{}, `{"V":[`+quote(p.caPEM)+`,`+quote(spoilt)+`]}`)
			}
			for place, err := range errs {
				if !errors.Is(err, codec.ErrSyntax) || !strings.Contains(err.Error(), row.says) {
					t.Errorf("%s, %s, %s: %v\ndoes not say: %s", name, label, place, err, row.says)
				}
				if strings.HasSuffix(place, ": ") && !strings.Contains(err.Error(), " "+place) {
					t.Errorf("%s, %s: %v\ndoes not name the place: %s", name, label, err, place)
				}
				// The search uses longer pieces, since four bytes of a random key may occur
				// by chance.
				for _, form := range forms(err) {
					for i := len(spoilt) / 3; i < len(spoilt)/3+40; i++ {
						if strings.Contains(form, spoilt[i:i+8]) {
							t.Fatalf("%s, %s: a piece of the secret is in: %s", name, label, form)
						}
					}
				}
			}
		}
	}
}

// TestOtherTextLooksLikeNothing: no advice is better than wrong advice.
func TestOtherTextLooksLikeNothing(t *testing.T) {
	p := newPKI()
	for name, text := range map[string]string{
		"a password":           secretText,
		"base64 of anything":   base64.StdEncoding.EncodeToString(bytes.Repeat([]byte(secretText), 9)),
		"a block cut short":    p.leafPEM[:len(p.leafPEM)-60] + "\n-----END CERTIFICATE-----\n" + p.caPEM,
		"cut before a block":   p.leafPEM[:len(p.leafPEM)-60] + "\n" + p.caPEM,
		"two labels":           strings.Replace(p.leafPEM, "END CERTIFICATE", "END PRIVATE KEY", 1),
		"garbage in the block": strings.Replace(p.leafPEM, "\nM", "\n!", 1),
	} {
		err := failure[[]*x509.Certificate](codec.PEM{}, text)
		if err == nil || strings.Contains(err.Error(), "looks like") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
