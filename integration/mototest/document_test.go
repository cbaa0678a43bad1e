package mototest_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/integration/mototest"
)

const document = "moto.md"

func TestDocumentShowsTheDifferences(t *testing.T) {
	want := documented(listed(t))
	if *update {
		write(t, document, []byte(want))
	}
	got, err := os.ReadFile(document)
	must(t, err)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not as %s has it; go test ./mototest -update (-want +got):\n%s", document, differencesFile, diff)
	}
}

func documented(all []difference) string {
	var d strings.Builder
	fmt.Fprintf(&d, "# Moto beside secrettest\n\n"+
		"[Moto](https://github.com/getmoto/moto) emulates AWS; its server is a Secrets Manager that this project did not write. "+
		"This package starts moto %s, "+
		"runs the conformance suite of sources (`source/sourcetest`) with `source/awssm`, and tests the typed client through a cache; all tests pass. "+
		"Then it runs %d operations by the AWS SDK's client, each on an empty moto and on an empty [secrettest](../../secrettest), and compares the outcomes: "+
		"the HTTP status, type and message of an error, or the output.\n\n"+
		"The outcomes of %d operations differ. AWS agrees ", mototest.Version, len(operations), len(all))
	for i, side := range sides {
		n := 0
		for _, diff := range all {
			if diff.AWS == side {
				n++
			}
		}
		switch {
		case side == "unknown":
			fmt.Fprintf(&d, "; for %d it is unknown.\n", n)
		case i > 0:
			fmt.Fprintf(&d, ", with %s in %d", side, n)
		default:
			fmt.Fprintf(&d, "with %s in %d", side, n)
		}
	}
	fmt.Fprint(&d, "\nThe test fails if a difference is not in this list, or if a listed one is gone. It writes this document: "+
		"`go test ./mototest -update` in the module `integration`, then write AWS's side into `mototest/testdata/differences.json`, and run it again.\n"+
		"\nThe sources:\n\n"+
		"- *API Reference* is that of AWS; the name after it is a page's title, and a second name is a parameter's. "+
		"If the words are said not to be documented, AWS's side is known, but its exact words are not.\n"+
		"- *snapshot* is an answer of AWS that LocalStack recorded for its test of that name (`tests/aws/services/secretsmanager/test_secretsmanager.snapshot.json`).\n"+
		"- *model* is AWS's description of the service, from which the SDKs are made. "+
		"To a request that breaks it, AWS answers with a ValidationException in such words: kubernetes-sigs/cluster-api-provider-aws issue 1531 quotes one.\n"+
		"\nThe version IDs `v1` to `v4` are in the order in which the versions were made.\n")

	groups := map[string][]difference{}
	for _, diff := range all {
		groups[kind(diff)] = append(groups[kind(diff)], diff)
	}
	for _, g := range []struct{ kind, title, intro string }{
		{"outcome", "Another outcome", ""},
		{"message", "The same error in other words", ""},
		{"status", "The same error with another HTTP status", "Moto answers 404 in place of 400.\n\n"},
	} {
		fmt.Fprintf(&d, "\n## %s\n\n%s", g.title, g.intro)
		table(&d, groups[g.kind], g.kind != "status")
	}
	return d.String()
}

func table(d *strings.Builder, rows []difference, outcomes bool) {
	columns := []string{"operation", "AWS agrees with", "by"}
	if outcomes {
		columns = []string{"operation", "secrettest", "moto", "AWS agrees with", "by"}
	}
	line := func(cells ...string) { fmt.Fprintf(d, "| %s |\n", strings.Join(cells, " | ")) }
	line(columns...)
	line(strings.Split(strings.Repeat("---,", len(columns)-1)+"---", ",")...)
	for _, r := range rows {
		cells := []string{r.Operation}
		if outcomes {
			cells = append(cells, "`"+short(r.Secrettest)+"`", "`"+short(r.Moto)+"`")
		}
		line(append(cells, r.AWS, r.Source)...)
	}
}

// short cuts off an outcome that is too long for the table.
func short(outcome string) string {
	const most = 240
	if runes := []rune(outcome); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return outcome
}

var errorOutcome = regexp.MustCompile(`^(\d{3}) (\w+): (.*)$`)

// kind returns in which way two outcomes differ.
func kind(d difference) string {
	ours, theirs := errorOutcome.FindStringSubmatch(d.Secrettest), errorOutcome.FindStringSubmatch(d.Moto)
	switch {
	case ours == nil || theirs == nil || ours[2] != theirs[2]:
		return "outcome"
	case ours[3] != theirs[3]:
		return "message"
	default:
		return "status"
	}
}
