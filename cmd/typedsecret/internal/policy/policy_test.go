package policy_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/policy"
	"github.com/typedsecret/typedsecret/secrettest"
)

var update = flag.Bool("update", false, "write the files in testdata")

const (
	key   = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
	queue = "arn:aws:sqs:eu-west-1:123456789012:rotations"
)

// program returns a program with handles on secrets. A % in an ID is a part that is not known.
func program(ids ...string) *handles.Program {
	p := &handles.Program{}
	for _, id := range ids {
		var text handles.Text
		for i, part := range strings.Split(id, "%") {
			if i > 0 {
				text.Parts = append(text.Parts, handles.Part{Hole: &handles.Hole{Origin: "the parameter id"}})
			}
			text.Parts = append(text.Parts, handles.Part{Literal: part})
		}
		p.Handles = append(p.Handles, handles.Handle{Kind: handles.New, IDs: []handles.Text{text}})
	}
	return p
}

// TestThePolicyInEachFormat compares the files in testdata, which the step papers of .ci/run
// gives to the linters.
func TestThePolicyInEachFormat(t *testing.T) {
	p := program("prod/db", "prod/tenants/%/key", "prod/tenants/a/key")
	p.Batches = append(p.Batches, p.Handles[0].Position)
	doc, err := policy.Of(p, policy.Config{Region: "eu-west-1", Account: "123456789012", Key: key, Queue: queue})
	if err != nil {
		t.Fatal(err)
	}
	for format, name := range map[string]string{"json": "policy.json", "terraform": "policy.tf", "cloudformation": "template.json"} {
		var b bytes.Buffer
		if err := doc.Write(&b, format); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if err := doc.Write(&bytes.Buffer{}, "yaml"); err == nil || !strings.Contains(err.Error(), "the formats are json") {
		t.Errorf("another format: %v", err)
	}
}

func TestEachIDBecomesTheNarrowestPattern(t *testing.T) {
	const secret = "arn:aws:secretsmanager:*:*:secret:"
	for _, tt := range []struct {
		ids  []string
		want []string
	}{
		{[]string{"prod/db"}, []string{secret + "prod/db-??????"}},
		{[]string{"b", "a", "b"}, []string{secret + "a-??????", secret + "b-??????"}},
		{[]string{"prod/%/db"}, []string{secret + "prod/*/db-??????"}},
		{[]string{"prod/%"}, []string{secret + "prod/*"}},
		{[]string{"prod/%", "prod/db", "prod/%/x", "dev/db"}, []string{secret + "dev/db-??????", secret + "prod/*"}},
		{[]string{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"}, []string{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"}},
		{[]string{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db"}, []string{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-??????"}},
	} {
		doc, err := policy.Of(program(tt.ids...), policy.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, doc.Statement[0].Resource); diff != "" || len(doc.Statement) != 1 {
			t.Errorf("%v (-want +got):\n%s", tt.ids, diff)
		}
	}
}

func TestAnIDOfWhichNothingIsKnownIsAnError(t *testing.T) {
	p := program("prod/db", "%", "%")
	_, err := policy.Of(p, policy.Config{})
	unknown, ok := errors.AsType[*policy.UnknownError](err)
	if !ok || !strings.Contains(unknown.Error(), "the parameter id") || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("%v", err)
	}
	doc, err := policy.Of(p, policy.Config{Any: true})
	if err != nil || doc.Statement[0].Resource[0] != "arn:aws:secretsmanager:*:*:secret:*" {
		t.Errorf("%v, %v", doc, err)
	}
	filled, err := policy.Of(p, policy.Config{Fill: func(handles.Hole) (string, bool) { return "given", true }})
	if err != nil || len(filled.Statement[0].Resource) != 2 {
		t.Errorf("%v, %v", filled, err)
	}
}

func TestASettingOfAWrongFormIsAnError(t *testing.T) {
	for want, cfg := range map[string]policy.Config{
		"is no partition":              {Partition: "azure"},
		"is no region":                 {Region: "Frankfurt"},
		"is no account":                {Account: "12"},
		"is no ARN of a KMS key":       {Key: "alias/app"},
		"is no ARN of an SQS queue":    {Queue: "https://sqs.eu-west-1.amazonaws.com/123456789012/q"},
		"a policy can't name an alias": {Key: "arn:aws:kms:eu-west-1:123456789012:alias/app"},
	} {
		if _, err := policy.Of(program("a"), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// TestTheServerTakesEachPolicy: secrettest refuses what it can't judge.
func TestTheServerTakesEachPolicy(t *testing.T) {
	for _, cfg := range []policy.Config{
		{},
		{Key: key, Queue: queue},
		{Key: strings.Replace(key, "11111111-2222-3333-4444-555555555555", "mrk-11111111222233334444555555555555", 1)},
	} {
		doc, err := policy.Of(program("prod/db"), cfg)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := doc.Write(&b, "json"); err != nil {
			t.Fatal(err)
		}
		if err := secrettest.New(t).SetIdentityPolicy(b.String()); err != nil {
			t.Errorf("%v\n%s", err, &b)
		}
	}
}
