package yaml_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/recipes/yaml"
)

// TestTheTextOrARefusal: a text over several lines decodes by the rules of YAML 1.2, or is
// refused because the parser changes it.
func TestTheTextOrARefusal(t *testing.T) {
	for in, want := range map[string]string{
		"k: >-\n  a  \n  b\n":                  "a   b",
		"k: >\n  a\n\n  b\n   c\n  d\n":        "a\nb\n c\nd\n",
		"k: >+\n  a\n\n":                       "a\n\n",
		"k: >\n  a\n  b":                       "a b",
		"k: |\n  a":                            "a",
		"k: |\n  a\n  ":                        "a\n",
		"k: |+\n  a":                           "a",
		"k: |\n  a  \n  b\t\n":                 "a  \nb\t\n",
		"k: |-\n  a  \n  b\n\n\n":              "a  \nb",
		"k: |-\n  a\n \n":                      "a",
		"k: |2\n    a\n   b\n":                 "  a\n b\n",
		"k: |\n\n  a\n":                        "\na\n",
		"k: |\r\n  a\r\n  b\r\n":               "a\nb\n",
		"k: 'a\n  b'\n":                        "a b",
		"k: 'a  \n\n   b''c'\n":                "a\nb'c",
		"k: 'a\r\n  b'\r\n":                    "a b",
		"k: ' a '\n":                           " a ",
		"k: 'a\tb'\n":                          "a\tb",
		"k: \"a  \n  b\"\n":                    "a b",
		"k: \"a\\\n  \\  b\\\r\n  c\"\r\n":     "a  bc",
		"k: \"a\\tb\\x41\\u263a\\\\\"\n":       "a\tbA☺\\",
		"k: a\n  b\n":                          "a b",
		"k: a#b\n":                             "a#b",
		"k: a # b\n":                           "a",
		"k: -a\n":                              "-a",
		"k: ?a\n":                              "?a",
		"k: :a\n":                              ":a",
		"j: {k: [x]}\nk: a\nl:\n- b\n-\n  - c": "a",
		"k: a\n   b\t\n":                       "a b",
		"l:\n- &x a\n- *x\nk: a\n":             "a",

		"k: |-\n  $S  \n":                "",
		"k: |-\n  $S\t\n\n":              "",
		"k: >-\n  $S \n":                 "",
		"k: |2-\n  $S \n\n":              "",
		"k: >2-\n   \n":                  "",
		"k: |\n   \n #$S\n":              "",
		"k: |\n  $S\n   ":                "",
		"k: >\n  $S\n   x\n   \n\n  b\n": "",
		"k: >\n  $S\n  \t\n\n  b\n":      "",
		"k: '$S\n  '' b'\n":              "",
		"k: '$S\n''b'\n":                 "",
		"k: '$S\t\n  b'\n":               "",
		"k: \"$S\\\n\n  b\"\n":           "",
		"k: \"$S\\ \n  b\"\n":            "",
		"k: \"$S\n\tb\"\n":               "",
		"k: $S\n\n  b\n":                 "",
		"k: $S\n  #b\n  c\n":             "",
		"k: $S\tb\n":                     "",
		"k: ?\n":                         "",
		"k: ,$S\n":                       "",
		"k: |-\n  $S\n...#: b\n":         "",
		"k: a\n---b: $S\n":               "",
		"k: '$S\rb'\n":                   "",
		"k: a\nl:\n- # $S\nm: x\n":       "",
		"k: a\nl: \n   &$S \nm: x\n":     "",
		"k: a\nl:\n- \n  &$S \n- x\n":    "",
	} {
		var got struct {
			K string `json:"k"`
		}
		err := yaml.Codec{}.Decode([]byte(strings.ReplaceAll(in, "$S", secret)), &got)
		if want != "" {
			if err != nil || got.K != want {
				t.Errorf("%q: got %q, %v, want %q", in, got.K, err, want)
			}
			continue
		}
		if !errors.Is(err, codec.ErrValue) && !errors.Is(err, codec.ErrSyntax) || !strings.Contains(err.Error(), "line ") && !strings.Contains(err.Error(), "carriage") {
			t.Errorf("%q: got %q, %v", in, got.K, err)
		}
		searchPieces(t, err)
	}
}

// FuzzTextsComeBack writes a text in a style of YAML, by the rules of its specification.
// The text must decode unchanged, or be refused.
func FuzzTextsComeBack(f *testing.F) {
	for i, text := range []string{"a", "a b", " a\n b\n\n", "a  \nb\t\n", "it's\n'x' #y", "\n\na", "\ta", "- a\n? b: c", "\"\\\n", "a\n\n\nb c d\n"} {
		for style := range len(styles) {
			f.Add(text, style, uint64(i))
		}
	}
	f.Fuzz(func(t *testing.T, text string, style int, seed uint64) {
		comesBack(t, text, style, seed)
	})
}

func TestTextsComeBack(t *testing.T) {
	pieces := []string{"a", "b", " ", "  ", "\n", "\n", "\n\n", "\t", "c d", "'", "\"", "\\", "#", ": ", "-", "é", "? ", "{", ","}
	rng := rand.New(rand.NewPCG(12, 1))
	back := map[int]int{}
	for range 20_000 {
		var text strings.Builder
		for range 1 + rng.IntN(9) {
			text.WriteString(pieces[rng.IntN(len(pieces))])
		}
		style := rng.IntN(len(styles))
		if comesBack(t, text.String(), style, rng.Uint64()) {
			back[style]++
		}
	}
	for style, least := range []int{1000, 2000, 100, 1000, 500} {
		if back[style] < least {
			t.Errorf("style %d: %d texts came back", style, back[style])
		}
	}
}

// comesBack reports whether the text was decoded.
func comesBack(t *testing.T, text string, style int, seed uint64) bool {
	t.Helper()
	if !printable.MatchString(text) {
		return false
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	scalar, ok := styles[uint(style)%uint(len(styles))](text, rng)
	if !ok {
		return false
	}
	doc := []string{
		"k: " + strings.ReplaceAll(scalar, "§", "  ") + "\n",
		"k: " + strings.ReplaceAll(scalar, "§", " ") + "\nl: x\n",
		"k:\n- " + strings.ReplaceAll(scalar, "§", "   ") + "\n- x\n",
		"m:\n  k: " + strings.ReplaceAll(scalar, "§", "     ") + "\n  l: x\n",
		"- x\n- " + strings.ReplaceAll(scalar, "§", "  ") + "\n",
		"k: " + strings.ReplaceAll(strings.ReplaceAll(scalar, "§", "  ")+"\n", "\n", "\r\n"),
	}[rng.IntN(6)]
	var got any
	if (yaml.Codec{}).Decode([]byte(doc), &got) != nil {
		return false
	}
	shown := fmt.Sprintf("%#v", got)
	if !strings.Contains(shown, fmt.Sprintf("%#v", text)) {
		t.Errorf("%q is decoded from %q to %s", text, doc, shown)
	}
	return true
}

var printable = regexp.MustCompile(`^[ -~é\n\t]+$`)

// styles write a text as a scalar, with § for the indentation of its further lines. A style
// may have no way to write a text.
var styles = []func(text string, rng *rand.Rand) (scalar string, ok bool){
	func(text string, rng *rand.Rand) (string, bool) { // in single quotes
		return "'" + folded(strings.ReplaceAll(text, "'", "''"), rng) + "'", !blankAtLineEnd.MatchString(text)
	},
	func(text string, rng *rand.Rand) (string, bool) { // in double quotes
		text = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(text)
		var b strings.Builder
		for i := range len(text) {
			if text[i] == ' ' && rng.IntN(4) == 0 {
				b.WriteString("\\\n§\\")
			}
			b.WriteByte(text[i])
		}
		return `"` + b.String() + `"`, true
	},
	func(text string, rng *rand.Rand) (string, bool) { // without quotes
		return folded(text, rng), regexp.MustCompile(`^[a-zé]+( ?[a-zé'"\\]+)*$`).MatchString(text)
	},
	func(text string, rng *rand.Rand) (string, bool) { // a literal block
		head, lines := blockHead(text)
		return "|" + head + indentLines(lines), lines != ""
	},
	func(text string, rng *rand.Rand) (string, bool) { // a folded block
		head, lines := blockHead(text)
		var inside strings.Builder
		for i := range len(lines) {
			if lines[i] == '\n' && lines[i-1] != '\n' && strings.Trim(lines[i:], "\n") != "" {
				inside.WriteByte('\n')
			}
			inside.WriteByte(lines[i])
		}
		return ">" + head + indentLines(inside.String()), lines != "" && !regexp.MustCompile(`(?m)^[ \t]`).MatchString(text) && text[0] != '\n'
	},
}

var blankAtLineEnd = regexp.MustCompile(`[ \t]\n|\n[ \t]`)

// folded writes a text with the line ends that a text in quotes may have. It adds a line
// end to each of the text's own, and replaces some blanks by one.
func folded(text string, rng *rand.Rand) string {
	text = regexp.MustCompile(`\n+`).ReplaceAllStringFunc(text, func(ends string) string { return "\n" + ends })
	inner := regexp.MustCompile(`[^ \n\t] [^ \n\t]`)
	text = inner.ReplaceAllStringFunc(text, func(s string) string {
		if rng.IntN(2) == 0 {
			return s
		}
		return strings.Replace(s, " ", "\n", 1)
	})
	return regexp.MustCompile(`\n([^\n])`).ReplaceAllString(text, "\n§$1")
}

// blockHead returns the indicators after the | or > of a block, and the lines of its text,
// without a final line end. It returns none if no block can express the text.
func blockHead(text string) (head, lines string) {
	lines = strings.TrimRight(text, "\n")
	switch len(text) - len(lines) {
	case 0:
		head = "-"
	case 1:
	default:
		head, lines = "+", text[:len(text)-1]
	}
	if strings.HasPrefix(lines, " ") || strings.HasPrefix(lines, "\n") || strings.Trim(lines, "\n") == "" {
		return head, "" // takes an indicator of the indentation, which depends on the place
	}
	return head, lines
}

func indentLines(lines string) string {
	return "\n" + regexp.MustCompile(`(?m)^(.+)$`).ReplaceAllString(lines, "§$1")
}
