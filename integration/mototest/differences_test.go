package mototest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/integration/mototest"
	"github.com/typedsecret/typedsecret/secrettest"
)

var update = flag.Bool("update", false, "rewrite testdata/differences.json and moto.md")

// A difference is an operation that has another outcome with secrettest than with moto. AWS
// and Source are written by hand.
type difference struct {
	Operation  string `json:"operation"`
	Secrettest string `json:"secrettest"`
	Moto       string `json:"moto"`
	AWS        string `json:"aws"`    // the side that agrees with AWS, one of sides
	Source     string `json:"source"` // the document that shows it
}

// sides are the values of the field AWS.
var sides = []string{"secrettest", "moto", "neither", "unknown"}

const differencesFile = "testdata/differences.json"

func listed(t *testing.T) []difference {
	t.Helper()
	data, err := os.ReadFile(differencesFile)
	must(t, err)
	var list []difference
	must(t, json.Unmarshal(data, &list))
	return list
}

// TestDifferencesAreListed runs each operation on both. The list must have exactly the
// differences that it finds.
func TestDifferencesAreListed(t *testing.T) {
	judged := map[string]difference{}
	for _, d := range listed(t) {
		judged[d.Operation] = d
	}
	found := differences(t)
	for i, d := range found {
		found[i].AWS, found[i].Source = judged[d.Operation].AWS, judged[d.Operation].Source
	}
	if *update {
		write(t, differencesFile, encoded(t, found))
	}
	if diff := cmp.Diff(listed(t), found); diff != "" {
		t.Errorf("differences between secrettest and moto %s (-listed +found):\n%s\n"+
			"If they are meant: go test ./mototest -update, and write in %s which side agrees with AWS, and which document shows it.",
			mototest.Version, diff, differencesFile)
	}
}

// differences returns all differences, in the order of the operations.
func differences(t *testing.T) (found []difference) {
	t.Helper()
	moto := mototest.New(t)
	for _, op := range operations {
		must(t, moto.Reset(t.Context()))
		ours := &trial{Client: over(secrettest.New(t)), t: t, server: "secrettest"}
		theirs := &trial{Client: moto.Client(), t: t, server: "moto"}
		d := difference{Operation: op.name, Secrettest: ours.outcome(op), Moto: theirs.outcome(op)}
		if d.Secrettest != d.Moto {
			found = append(found, d)
		}
	}
	return found
}

// over returns a client that talks to secrettest.
func over(s *secrettest.Server) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", HTTPClient: s.Client(), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "SECRET"}, nil
		}),
	})
}

func encoded(t *testing.T, list []difference) []byte {
	t.Helper()
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	must(t, e.Encode(list))
	return text.Bytes()
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	must(t, os.WriteFile(file, data, 0o644))
}

func TestOperationsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, op := range operations {
		if seen[op.name] {
			t.Errorf("there are two operations called %q", op.name)
		}
		seen[op.name] = true
	}
}

func TestEachDifferenceSaysWhichSideAWSIsOn(t *testing.T) {
	for _, d := range listed(t) {
		if !slices.Contains(sides, d.AWS) {
			t.Errorf("%s: AWS is on the side %q; it is one of %q", d.Operation, d.AWS, sides)
		}
		if d.Source == "" {
			t.Errorf("%s: the source is missing", d.Operation)
		}
	}
}
