package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/secrettest"
)

// diagnose returns the lines of doctor by their subjects, as text with the failure.
func diagnose(t *testing.T, args ...string) map[string]string {
	t.Helper()
	got := typedsecret(t, append([]string{"doctor", "-format", "json"}, args...)...)
	var lines []struct{ Status, Subject, Text, Failure string }
	if err := json.Unmarshal([]byte(got.out), &lines); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	said := map[string]string{}
	failed := false
	for _, l := range lines {
		said[l.Subject] = l.Status + " " + l.Text
		if l.Failure != "" {
			said[l.Subject] += " [" + l.Failure + "]"
		}
		failed = failed || l.Status == "FAIL"
	}
	if failed != (got.status == 1) || strings.Contains(got.out, "hunter2") {
		t.Errorf("%+v", got)
	}
	return said
}

// isRow reports whether docs/failures.md has a row of this name.
func isRow(t *testing.T, name string) bool {
	t.Helper()
	page, err := os.ReadFile("../../docs/failures.md")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(page), "\n| "+name+" | ")
}

// wantRow fails the test unless a line has the failure, and docs/failures.md has its row.
func wantRow(t *testing.T, line, row string) {
	t.Helper()
	if !strings.HasPrefix(line, "FAIL ") || !strings.HasSuffix(line, " ["+row+"]") || !isRow(t, row) {
		t.Errorf("%s: %s", row, line)
	}
}

func TestEachFailureOfASecretIsDiagnosedByName(t *testing.T) {
	s := secrettest.New(t)
	s.Setenv(t)
	for id, value := range map[string]string{
		"fine": `{"username":"u","password":"hunter2"}`, "access-denied": "hunter2", "kms-key-disabled": "hunter2", "secret-scheduled-for-deletion": "hunter2",
		"json-broken": `{"username":"hunter2"`, "key-missing": `{"username":"hunter2"}`, "version-label-missing": "{}",
		"value-of-the-wrong-kind": `{"port":"hunter2","key":["hunter2"]}`, "value-that-does-not-fit": `{"port":70000,"key":"hunter2"}`,
		"key-twice": `{"port":1,"key":"hunter2","key":"hunter2"}`, "unknown-key-strict-codec": `{"port":1,"key":"hunter2","hunter2":1}`,
		"refused-by-validate": `{"port":0,"key":"hunter2"}`,
	} {
		s.Seed(t, id, value)
	}
	s.Delete(t, "secret-scheduled-for-deletion")
	s.Fail(t, secrettest.Fault{SecretID: "access-denied", Effect: secrettest.AccessDenied()})
	s.Fail(t, secrettest.Fault{SecretID: "kms-key-disabled", Effect: secrettest.DecryptionFailure()})
	said := diagnose(t, "./internal/check/testdata/failures")
	toID := strings.NewReplacer(" ", "-", ",", "")
	for _, row := range []string{
		"unknown secret", "access denied", "KMS key disabled", "secret scheduled for deletion", "JSON broken", "key missing", "version label missing",
		"value of the wrong kind", "value that does not fit", "key twice", "unknown key, strict codec", "refused by Validate",
	} {
		wantRow(t, said[toID.Replace(strings.ToLower(row))], row)
	}
	for subject, want := range map[string]string{
		"value-of-the-wrong-kind": "FAIL decoding main.server: port: wrong kind of value: met a string where a number is wanted; tag the field `,string` or set JSON.Lenient to take either (offset 8); also key: wrong kind of value: ",
		"refused-by-validate":     "FAIL decoding main.server: invalid value: the port is 0 [",
		"fine":                    "ok is read, and decodes", "region": "ok us-east-1, from AWS_REGION", "credentials": "ok from EnvConfigCredentials",
		"clock": "ok agrees with the endpoint's", "source": "ok the secrets come from Secrets Manager, since TYPEDSECRET_SOURCE is not set",
		"endpoint": "ok " + s.URL() + " answers in ",
	} {
		if !strings.HasPrefix(said[subject], want) {
			t.Errorf("%s: %s, want %s", subject, said[subject], want)
		}
	}
}

func TestEachFailureOfTheServiceIsDiagnosedByName(t *testing.T) {
	for row, effect := range map[string]secrettest.Effect{
		"no answer": secrettest.Hang(), "throttled": secrettest.Throttling(), "region down": secrettest.InternalError(), "no connection": secrettest.DropConnection(),
	} {
		t.Run(row, func(t *testing.T) {
			s := secrettest.New(t)
			s.Setenv(t)
			s.Seed(t, "app/store", `{"host":"h"}`)
			s.Fail(t, secrettest.Fault{SecretID: "app/store", Effect: effect})
			wantRow(t, diagnose(t, "-timeout", "1s", single)["app/store"], row)
		})
	}
}

// TestEachFailureOfTheEnvironmentIsDiagnosedByName; package doctor tests the lines about the
// environment itself.
func TestEachFailureOfTheEnvironmentIsDiagnosedByName(t *testing.T) {
	for row, env := range map[string][]string{
		"no credentials": {"AWS_ACCESS_KEY_ID", "", "AWS_SECRET_ACCESS_KEY", ""},
		"agent down":     {"TYPEDSECRET_SOURCE", "agent:http://127.0.0.1:1", "AWS_TOKEN", "a token"},
	} {
		t.Run(row, func(t *testing.T) {
			secrettest.New(t).Setenv(t)
			for i := 0; i < len(env); i += 2 {
				t.Setenv(env[i], env[i+1])
			}
			wantRow(t, diagnose(t, single)["app/store"], row)
		})
	}
}
