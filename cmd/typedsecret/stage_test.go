package main

import (
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/secrettest"
)

// TestASecretThatIsNotThereIsReported, although a rotation that is not under way is not.
func TestASecretThatIsNotThereIsReported(t *testing.T) {
	secrettest.New(t).Setenv(t)
	got := typedsecret(t, "check", "-stage", "AWSPENDING", single)
	if got.status != 1 || !strings.Contains(got.out, "main.go:6: not-found: app/store: secret not found: ") {
		t.Errorf("%+v", got)
	}
}

// TestAnIDThatTheCodeLeavesEmptyIsMisuse, as no environment variable can fill it.
func TestAnIDThatTheCodeLeavesEmptyIsMisuse(t *testing.T) {
	secrettest.New(t).Setenv(t)
	got := typedsecret(t, "check", "./internal/check/testdata/empty")
	if got.status != 1 || !strings.Contains(got.out, "main.go:6: misuse: : invalid secret reference: ") {
		t.Errorf("%+v", got)
	}
}
