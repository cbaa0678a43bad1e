package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

// TestTheProgramRunsUnderItsPolicyAndUnderNoLess: the program in testdata reads its secrets
// under the policy that the command writes for it. With any statement taken away it does not,
// or needs a request for each secret.
func TestTheProgramRunsUnderItsPolicyAndUnderNoLess(t *testing.T) {
	const key = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
	s := seed(t)
	client := secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: aws.String(s.URL()), Region: "us-east-1", HTTPClient: s.Client(),
		Credentials: aws.CredentialsProviderFunc(fakeCredentials),
	})
	if _, err := client.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("app/db"), KmsKeyId: aws.String(key)}); err != nil {
		t.Fatal(err)
	}
	got := typedsecret(t, "policy", "-kms-key", key, checked)
	if got.status != 0 {
		t.Fatalf("%+v", got)
	}
	var doc struct {
		Version   string
		Statement []map[string]any
	}
	if err := json.Unmarshal([]byte(got.out), &doc); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "service")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, checked).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// runs runs the program under the policy without a statement.
	runs := func(without int) (said string, requests int) {
		t.Helper()
		less := doc
		if without >= 0 {
			less.Statement = slices.Delete(slices.Clone(doc.Statement), without, without+1)
		}
		text, err := json.Marshal(less)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetIdentityPolicy(string(text)); err != nil {
			t.Fatal(err)
		}
		s.ResetCalls()
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), "SECRET_ID=by-env")
		out, _ := cmd.CombinedOutput()
		return string(out), s.Calls("GetSecretValue")
	}
	if said, requests := runs(-1); !strings.HasPrefix(said, "ok ") || requests != 0 {
		t.Fatalf("under the policy the program makes %d requests and says %s\n%s", requests, said, got.out)
	}
	for i, want := range []struct {
		sid, said string
		requests  int
	}{
		{"ReadSecrets", "access denied", 0}, // each secret of the batch is refused
		{"ReadSecretsTogether", "ok ", 8},   // a request for each secret in place of one for all
		{"DecryptSecrets", "allow kms:Decrypt on the secret's key", 0},
	} {
		said, requests := runs(i)
		if doc.Statement[i]["Sid"] != want.sid || !strings.Contains(said, want.said) || requests < want.requests {
			t.Errorf("without %v the program makes %d requests and says %s", doc.Statement[i]["Sid"], requests, said)
		}
	}
}

// TestEachARNOfThePolicyIsNeeded: without one, the program may not read that secret.
func TestEachARNOfThePolicyIsNeeded(t *testing.T) {
	s := seed(t)
	got := typedsecret(t, "policy", checked)
	if got.status != 0 {
		t.Fatalf("%+v", got)
	}
	for _, id := range []string{"app/db", "app/level", "app/api", "app/at", "app/exact", "app/local", "app/by-env", "app/store"} {
		if !strings.Contains(got.out, `"arn:aws:secretsmanager:*:*:secret:`+id+`-??????"`) {
			t.Errorf("the policy does not name %s:\n%s", id, got.out)
		}
	}
	if err := s.SetIdentityPolicy(strings.Replace(got.out, "secret:app/level-", "secret:other-", 1)); err != nil {
		t.Fatal(err)
	}
	report := typedsecret(t, "check", checked)
	if report.status != 1 || !strings.Contains(report.out, "access-denied: app/level: ") || !strings.HasSuffix(report.out, "7 of 8 secrets decode\n") {
		t.Errorf("%+v", report)
	}
}

func TestWrongUsageIsOneLine(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"chekc"}, `typedsecret: there is no command "chekc"; typedsecret help lists them`},
		{[]string{"list", "-formt", "json"}, "typedsecret: flag provided but not defined: -formt; see typedsecret list -h"},
		{[]string{"list", "-format", "yaml"}, `typedsecret: invalid value "yaml" for flag -format: the formats are text, json; see typedsecret list -h`},
		{[]string{"list", "./internal/handles/testdata/broken"}, "undefined: nothing"},
		{[]string{"check", "./no/such"}, "typedsecret: can't load the program: "},
		{[]string{"list", single, "-format", "json"}, `typedsecret: flags stand before packages, and -format stands behind one; see typedsecret list -h`},
		{[]string{"list", "io"}, "typedsecret: no handle was found in io"},
		{[]string{"policy", "-region", "Frankfurt", single}, `typedsecret: "Frankfurt" is no region; one looks like eu-west-1; see typedsecret policy -h`},
		{[]string{"gen"}, "typedsecret: gen takes one ID, and 0 arguments were given; see typedsecret gen -h"},
		{[]string{"completion", "csh"}, "typedsecret: completion takes one of bash, zsh and fish"},
		{[]string{"schema", "-id", "none", single}, `typedsecret: no handle reads JSON from the secret "none"`},
	} {
		got := typedsecret(t, tt.args...)
		if got.status != 2 || !strings.Contains(got.errs, tt.want) || strings.Count(got.errs, "\n") != 1 || got.out != "" {
			t.Errorf("%v: %+v, want %s", tt.args, got, tt.want)
		}
	}
}

func TestHelpFitsAScreen(t *testing.T) {
	all := [][]string{{"help"}, {"-h"}}
	for _, c := range commands {
		all = append(all, []string{c.name, "-h"})
	}
	for _, args := range all {
		got := typedsecret(t, args...)
		if got.status != 0 || got.errs != "" || strings.Count(got.out, "\n") > 24 {
			t.Errorf("%v: %+v", args, got)
		}
		for line := range strings.Lines(got.out) {
			if n := len(strings.TrimRight(line, "\n")); n > 100 || args[0] == "help" && n > 80 {
				t.Errorf("%v: a line of %d characters: %s", args, n, line)
			}
		}
	}
	if got := typedsecret(t); got.status != 2 || !strings.HasPrefix(got.errs, "Usage: ") {
		t.Errorf("without arguments: %+v", got)
	}
}

// TestCompletionsNameEachCommandAndFlag, and the shells that are here can read them.
func TestCompletionsNameEachCommandAndFlag(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		got := typedsecret(t, "completion", shell)
		for _, c := range commands {
			if !strings.Contains(got.out, c.name) {
				t.Errorf("%s: no command %s", shell, c.name)
			}
			for _, f := range flagsOf(c) {
				if !strings.Contains(got.out, f.Name) {
					t.Errorf("%s: no flag %s of %s", shell, f.Name, c.name)
				}
			}
		}
		if _, err := exec.LookPath(shell); err != nil {
			continue // bash is everywhere
		}
		file := filepath.Join(t.TempDir(), "completion")
		if err := os.WriteFile(file, []byte(got.out), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), shell, "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", shell, err, out)
		}
	}
	script := `source <(cat "$1"); COMP_WORDS=(typedsecret check -format ""); COMP_CWORD=3; _typedsecret; echo "${COMPREPLY[@]}"
		COMP_WORDS=(typedsecret che); COMP_CWORD=1; _typedsecret; echo "${COMPREPLY[@]}"`
	file := filepath.Join(t.TempDir(), "completion")
	if err := os.WriteFile(file, []byte(typedsecret(t, "completion", "bash").out), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "bash", "-c", script, "bash", file).CombinedOutput()
	if want := "text json sarif github\ncheck\n"; err != nil || string(out) != want {
		t.Errorf("%v: %s, want %s", err, out, want)
	}
}

func TestASecretBecomesAStructWithoutItsValues(t *testing.T) {
	s := secrettest.New(t)
	s.Setenv(t)
	s.Seed(t, "prod/db", `{"username":"hunter2","password":"hunter2","port":5432,"replicas":[{"host":"hunter2"}]}`)
	got := typedsecret(t, "gen", "prod/db")
	want := "// DB is the secret prod/db.\ntype DB struct {\n" +
		"\tUsername string         `json:\"username\"`\n" +
		"\tPassword codec.Redacted `json:\"password\"`\n" +
		"\tPort     int64          `json:\"port\"`\n" +
		"\tReplicas []struct {\n\t\tHost string `json:\"host\"`\n\t} `json:\"replicas\"`\n}\n\n" +
		"var db = typedsecret.New[DB](\"prod/db\")\n"
	if got.status != 0 || got.out != want {
		t.Errorf("%+v, want\n%s", got, want)
	}
	if got := typedsecret(t, "gen", "prod/none"); got.status != 2 || !strings.Contains(got.errs, "typedsecret: prod/none: secret not found") {
		t.Errorf("%+v", got)
	}
}

func fakeCredentials(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "secrettest", SecretAccessKey: "secrettest"}, nil
}
