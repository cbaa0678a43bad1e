package check

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles"
)

// TestEachProblemIsAFinding: if an answer does not list all problems, a finding says so.
func TestEachProblemIsAFinding(t *testing.T) {
	const missing = `the secret lacks the key "host" (field Host) of T`
	for name, row := range map[string]struct {
		answer Answer
		want   []string
	}{
		"all":          {Answer{}, nil},
		"no codec":     {Answer{Class: "access_denied", Text: "denied"}, []string{"access-denied denied"}},
		"one":          {Answer{Kind: "unfit value", Text: "codec: a", Problems: []Problem{{"unfit value", "codec: a"}}}, []string{"unfit-value a"}},
		"missing only": {Answer{Kind: "missing key", Text: "codec: missing key", Missing: []string{`"host" (field Host) of T`}}, []string{"missing-key " + missing}},
		"several": {
			Answer{Class: "other", Kind: "wrong kind of value", Text: "codec: a; also b", Missing: []string{`"host" (field Host) of T`}, Problems: []Problem{{"wrong kind of value", "codec: a"}, {"own kind", "codec: b"}}},
			[]string{"missing-key " + missing, "wrong-kind a", "unreadable b"},
		},
		"very many": {
			Answer{Kind: "unknown key", Text: "codec: a", Problems: []Problem{{"unknown key", "codec: a"}}, Cut: true},
			[]string{"unknown-key a", "unreadable the secret has more problems than these findings"},
		},
	} {
		var r Result
		row.answer.Handle = &handles.Handle{}
		r.judge(row.answer, Config{})
		var got []string
		for _, f := range r.Findings {
			got = append(got, f.Rule+" "+f.Message)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
