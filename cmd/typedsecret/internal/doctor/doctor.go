// Package doctor looks at everything between a program and its secrets, in the order in which a
// request meets it: the source, the region, the credentials, the proxy, the endpoint, the clock,
// and each secret. A line says what is right, or what is wrong and what to do.
package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/check"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles"
)

// A Status says whether a line is good news.
type Status string

// The statuses.
const (
	OK   Status = "ok"
	Note Status = "note" // something that may be wrong or may be meant
	Fail Status = "FAIL"
)

// A Line is one thing that was looked at.
type Line struct {
	Status  Status `json:"status"`
	Subject string `json:"subject"` // region, say, or the ID of a secret
	Text    string `json:"text"`
	Failure string `json:"failure,omitempty"` // its name in docs/failures.md, if it is there
}

// Examine looks at the environment, and reads the secrets of the program.
func Examine(ctx context.Context, p *handles.Program, cfg check.Config) ([]Line, error) {
	lines := environment(ctx, cfg.Timeout)
	if lines[0].Status == Fail {
		return lines, nil // there is no source to read from
	}
	answers, r, err := check.Read(ctx, p, cfg)
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		lines = append(lines, lineOf(a))
	}
	for _, f := range r.Findings {
		lines = append(lines, Line{Status: Note, Subject: f.Secret, Text: f.Message})
	}
	return lines, nil
}

func lineOf(a check.Answer) Line {
	if a.Text == "" {
		return Line{Status: OK, Subject: a.ID, Text: "is read, and decodes"}
	}
	l := Line{Status: Fail, Subject: a.ID, Text: strings.TrimPrefix(a.Text, "codec: "), Failure: failureOf(a)}
	if len(a.Missing) > 0 {
		missing := "the secret lacks the key " + strings.Join(a.Missing, ", ")
		if a.Kind == "missing key" {
			l.Text = missing
		} else {
			l.Text += "; " + missing
		}
	}
	if a.Class == "access_denied" {
		l.Text += "; typedsecret policy writes what the program needs"
	}
	return l
}

// failures are rows of docs/failures.md, by the class or the kind of an error and a part of its
// text. The first one that fits is the name of the error. All but one are rows of the page's first
// table, which says what to do. The row "no credentials" stands for every failure of credentials.
// Other failures of the AWS SDK have no name, since their errors say what to do.
var failures = []struct{ class, kind, text, row string }{
	{"not_found", "", "staging label", "version label missing"},
	{"not_found", "", "", "unknown secret"},
	{"access_denied", "", "does not accept the token", "token wrong"},
	{"access_denied", "", "KMS", "KMS key disabled"},
	{"access_denied", "", "", "access denied"},
	{"decryption", "", "", "KMS key disabled"},
	{"throttled", "", "", "throttled"},
	{"timeout", "", "", "no answer"},
	{"deleted", "", "", "secret scheduled for deletion"},
	{"unavailable", "", "the agent can't be reached", "agent down"},
	{"unavailable", "", "credentials", "no credentials"},
	{"unavailable", "", "Secrets Manager can't be reached; check the network", "no connection"},
	{"unavailable", "", "Secrets Manager can't be reached", ""}, // the text names the cause: a proxy, say
	{"unavailable", "", "HTTP 5", "region down"},
	{"", "malformed secret", "", "JSON broken"},
	{"", "missing key", "", "key missing"},
	{"", "wrong kind of value", "", "value of the wrong kind"},
	{"", "unfit value", "", "value that does not fit"},
	{"", "duplicate key", "", "key twice"},
	{"", "unknown key", "", "unknown key, strict codec"},
	{"", "invalid value", "", "refused by Validate"},
}

func failureOf(a check.Answer) string {
	for _, f := range failures {
		if (f.class == "" || f.class == a.Class) && (f.kind == "" || f.kind == a.Kind) && strings.Contains(a.Text, f.text) {
			return f.row
		}
	}
	return ""
}

// String returns the line for a person.
func (l Line) String() string {
	text := fmt.Sprintf("%-4s  %-12s  %s", l.Status, l.Subject, l.Text)
	if l.Failure != "" {
		text += fmt.Sprintf(" [%s]", l.Failure)
	}
	return text
}
