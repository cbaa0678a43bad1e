package doctor

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/check"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secret"
)

// otherNames are the failures of docs/failures.md to which doctor gives a name that the rule does
// not foresee. By the rule, a failure of the page's first table has its own name, a failure of
// credentials is called "no credentials", and any other failure of the AWS SDK has no name.
var otherNames = map[string]string{
	// A command does not meet these: it has no sealed file, and a deadline of its own.
	"no answer, callers with a deadline of 1 s":            "",
	"directory of the sealed file missing or not writable": "",
	"sealed file too large, at a start in an outage":       "",

	"host unknown":      "no connection",
	"name server fails": "no connection",
	"server that wants a client's certificate": "no connection",
	"HTTP/2 stream is reset":                   "no connection",
	"endpoint refuses connections":             "no connection",
	"endpoint resets the connection":           "no connection",
	"endpoint closes the connection":           "no connection",
	"endpoint speaks no HTTP":                  "no connection",
	"connection takes too long":                "no answer",
}

// TestEachRowOfTheFailuresHasItsName: a wrong name would send the reader to the wrong advice.
func TestEachRowOfTheFailuresHasItsName(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/failures.md")
	if err != nil {
		t.Fatal(err)
	}
	first, sdk, _ := strings.Cut(string(page), "\n## Failures of the AWS SDK\n")
	for table, least := range map[string]int{first: 20, sdk: 70} {
		rows := answers(table)
		if len(rows) < least {
			t.Errorf("only %d rows were read", len(rows))
		}
		for name, answer := range rows {
			want, other := otherNames[name]
			switch {
			case other:
			case table == first:
				want = name
			case answer.Class == "unavailable" && strings.Contains(answer.Text, "credentials"):
				want = "no credentials"
			}
			if got := failureOf(answer); got != want {
				t.Errorf("%s is called %q, want %q", name, got, want)
			}
		}
	}
}

// answers returns the answer of a secret with each failure of a table, by the failure's name. It
// leaves out the failures in which Get returns a value.
func answers(table string) map[string]check.Answer {
	all := map[string]check.Answer{}
	for _, m := range regexp.MustCompile("(?m)^\\| ([^|]+) \\|[^|`]*`+([^|]*?)`+ \\| ").FindAllStringSubmatch(table, -1) {
		name, a := m[1], check.Answer{Class: "other", Text: m[2]}
		if strings.HasPrefix(m[0], "| "+name+" | none") {
			continue
		}
		_, reason, _ := strings.Cut(strings.TrimPrefix(a.Text, "secret "), ": ")
		for _, err := range []error{
			secret.ErrNotFound, secret.ErrDeleted, secret.ErrAccessDenied, secret.ErrDecryption, secret.ErrThrottled, secret.ErrTimeout, secret.ErrUnavailable,
		} {
			if strings.HasPrefix(reason, err.Error()) {
				a.Class = secret.Class(err)
			}
		}
		for _, kind := range []error{
			codec.ErrSyntax, codec.ErrMissingKey, codec.ErrWrongKind, codec.ErrValue, codec.ErrDuplicateKey, codec.ErrUnknownKey, codec.ErrInvalid,
		} {
			if regexp.MustCompile(`codec: decoding main\.DBCreds: (\w+: )?` + kind.Error()).MatchString(reason) {
				a.Kind = kind.Error()
			}
		}
		all[name] = a
	}
	return all
}
