package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/secrettest"
)

const (
	checked = "./internal/check/testdata/service"
	single  = "./internal/check/testdata/single"
)

// result is what a run of the command brought.
type result struct {
	status    int
	out, errs string
}

func typedsecret(t *testing.T, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	status := run(t.Context(), args, &out, &errs)
	return result{status, out.String(), errs.String()}
}

// seed makes the secrets of the program in internal/check/testdata/service.
func seed(t *testing.T) *secrettest.Server {
	t.Helper()
	s := secrettest.New(t)
	s.Setenv(t)
	t.Setenv("SECRET_ID", "by-env")
	for name, value := range map[string]string{
		"app/db":     `{"username":"u","password":"hunter2","port":5432}`,
		"app/level":  "high",
		"app/api":    `{"token":"hunter2"}`,
		"app/at":     "3,4",
		"app/exact":  `{"a":{"username":"u","password":"hunter2","port":1}}`,
		"app/local":  `{"a":{"username":"u","password":"hunter2","port":1}}`,
		"app/by-env": "hunter2",
		"app/store":  `{"host":"h"}`,
	} {
		s.Seed(t, name, value)
	}
	return s
}

func TestSecretsThatDecodeAreFine(t *testing.T) {
	s := seed(t)
	got := typedsecret(t, "check", checked)
	if got.status != 0 || got.out != "8 of 8 secrets decode\n" {
		t.Errorf("%+v", got)
	}
	if n := s.Calls("GetSecretValue"); n > 1 { // one package has a single secret
		t.Errorf("%d secrets were read alone, and not in a batch", n)
	}
}

// TestAllThatIsWrongIsReportedAtOnce, and no value of a secret.
func TestAllThatIsWrongIsReportedAtOnce(t *testing.T) {
	s := seed(t)
	s.Rotate(t, "app/db", `{"Username":"hunter2","port":"hunter2"}`)
	s.Rotate(t, "app/level", "hunter2")
	s.Rotate(t, "app/exact", `{"a":{"username":["hunter2"],"password":"p","port":1,"hunter2":1,"x":1},"b":{"username":"u","password":true,"port":7.5}}`)
	s.Rotate(t, "app/store", `{"host":"h"`)
	s.Delete(t, "app/by-env")
	s.Fail(t, secrettest.Fault{SecretID: "app/api", Effect: secrettest.AccessDenied()})
	got := typedsecret(t, "check", "-format", "json", checked)
	var report struct {
		Findings []struct{ Rule, Secret, Message, File string }
		Summary  string
	}
	if err := json.Unmarshal([]byte(got.out), &report); err != nil || got.status != 1 {
		t.Fatalf("%v: %+v", err, got)
	}
	var lines []string
	for _, f := range report.Findings {
		message, _, _ := strings.Cut(f.Message, " because ")
		lines = append(lines, f.File[strings.LastIndexByte(f.File, '/')+1:]+" "+f.Rule+" "+f.Secret+" "+message)
	}
	want := []string{
		`main.go wrong-kind app/db decoding main.creds: port: wrong kind of value: met a string where a number is wanted; tag the field ` + "`,string`" + ` or set JSON.Lenient to take either (offset 29)`,
		`main.go missing-key app/db the secret lacks the key "password" (field Password) of main.creds`,
		`main.go missing-key app/db the secret lacks the key "username" (field Username, the secret has "Username" and case counts) of main.creds`,
		"main.go invalid app/level decoding main.level: invalid value: no level",
		"main.go access-denied app/api access denied: User: arn:aws:iam::123456789012:user/secrettest is not authorized to perform: secretsmanager:GetSecretValue on resource: app/api",
		"main.go wrong-kind app/exact decoding map[string]main.creds: [*].password: wrong kind of value: met a bool where a string is wanted; tag the field `,string` or set JSON.Lenient to take either (offset 103)",
		"main.go unfit-value app/exact decoding map[string]main.creds: [*].port: unfit value: the number has a fraction or an exponent, the field is of type int (offset 115)",
		"main.go wrong-kind app/exact decoding map[string]main.creds: [*].username: wrong kind of value: met an array where a string is wanted (offset 17)",
		"main.go unknown-key app/exact decoding map[string]main.creds: [*]: unknown key: no field is for this key (offset 53)",
		"main.go unknown-key app/exact decoding map[string]main.creds: [*]: unknown key: no field is for this key (offset 65)",
		"main.go deleted app/by-env secret is marked for deletion: You can't perform this operation on the secret",
		"main.go malformed app/store decoding store.settings: malformed secret: the JSON ends too early (offset 11)",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if strings.Contains(got.out+got.errs, "hunter2") {
		t.Errorf("the output has a secret: %s%s", got.out, got.errs)
	}
	if report.Summary != "2 of 8 secrets decode" {
		t.Errorf("the summary is %q", report.Summary)
	}
}

// TestARotationUnderWayIsChecked before it is finished.
func TestARotationUnderWayIsChecked(t *testing.T) {
	s := seed(t)
	s.Put(t, "app/db", `{"username":"u","password":"hunter2","port":13}`, "AWSPENDING")
	got := typedsecret(t, "check", "-stage", "AWSPENDING", checked)
	if got.status != 1 || !strings.Contains(got.out, "main.go:52: invalid: app/db: decoding main.creds: invalid value: the port is unlucky\n") ||
		!strings.Contains(got.out, "note: app/api: no version has the stage AWSPENDING\n") || !strings.HasSuffix(got.out, "0 of 1 secrets decode\n") {
		t.Errorf("%+v", got)
	}
}

func TestFindingsForOtherTools(t *testing.T) {
	s := seed(t)
	s.Rotate(t, "app/store", `{}`)
	got := typedsecret(t, "check", "-format", "github", single)
	want := "::error file=internal/check/testdata/single/main.go,line=6,title=typedsecret missing-key::" +
		`app/store: the secret lacks the key "host" (field Host) of struct { Host string "json:\"host\"" }` + "\n0 of 1 secrets decode\n"
	if got.status != 1 || got.out != want {
		t.Errorf("%+v, want %s", got, want)
	}
	s.Rotate(t, "app/store", `{"host":1,"host":2}`)
	for format, want := range map[string][]string{
		"github": {"::error file=internal/check/testdata/single/main.go,line=6,title=typedsecret wrong-kind::", "title=typedsecret duplicate-key::"},
		"sarif":  {`"ruleId": "wrong-kind"`, `"ruleId": "duplicate-key"`},
	} {
		got := typedsecret(t, "check", "-format", format, single)
		for _, w := range want {
			if strings.Count(got.out, w) != 1 {
				t.Errorf("%s: %+v, want %s once", format, got, w)
			}
		}
	}
}

// TestWithoutCredentialsNothingIsChecked: one line, and another exit code than that of findings.
func TestWithoutCredentialsNothingIsChecked(t *testing.T) {
	s := seed(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	got := typedsecret(t, "check", single)
	if got.status != 2 || strings.Count(got.errs, "\n") != 1 || !strings.HasPrefix(got.errs, "typedsecret: no secret could be read: ") || s.Calls() != 0 {
		t.Errorf("%+v", got)
	}
}

// TestPackagesWithPathsAlikeAreCheckedTogether, such as a-b and a/b.
func TestPackagesWithPathsAlikeAreCheckedTogether(t *testing.T) {
	s := secrettest.New(t)
	s.Setenv(t)
	s.Seed(t, "alike/first", `{"Host":"h"}`)
	s.Seed(t, "alike/second", `{"Host":"h"}`)
	got := typedsecret(t, "check", "./internal/check/testdata/alike")
	if got.status != 0 || got.out != "2 of 2 secrets decode\n" {
		t.Errorf("%+v", got)
	}
}
