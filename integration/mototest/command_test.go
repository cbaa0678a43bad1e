package mototest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/integration/mototest"
)

// TestTheCommandChecksAProgramsSecrets against a service that this project did not write.
func TestTheCommandChecksAProgramsSecrets(t *testing.T) {
	const dir = "../../cmd/typedsecret"
	moto := mototest.New(t)
	client := moto.Client()
	command := filepath.Join(t.TempDir(), "typedsecret")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", command, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// run returns what a run of the command prints.
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), command, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL_SECRETS_MANAGER="+moto.URL(), "AWS_REGION=us-east-1",
			"AWS_ACCESS_KEY_ID=moto", "AWS_SECRET_ACCESS_KEY=moto", "AWS_SESSION_TOKEN=", "AWS_PROFILE=", "TYPEDSECRET_SOURCE=")
		out, _ := cmd.CombinedOutput() // the exit code says what the output says
		return string(out)
	}
	const program = "./internal/check/testdata/single"
	if got := run("check", program); !strings.Contains(got, "main.go:6: not-found: app/store: secret not found") {
		t.Errorf("without the secret: %s", got)
	}
	create(t, client, "app/store", `{"host":"hunter2"}`)
	if got, want := run("check", program), "1 of 1 secrets decode\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	rotate(t, client, "app/store", `{"port":"hunter2"}`, "AWSPENDING")
	if got := run("check", "-stage", "AWSPENDING", program); !strings.Contains(got, `missing-key: app/store: the secret lacks the key "host"`) || strings.Contains(got, "hunter2") {
		t.Errorf("of the next version: %s", got)
	}
	if got, want := run("gen", "app/store"), "type Store struct {\n\tHost string `json:\"host\"`\n}\n"; !strings.Contains(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
}
