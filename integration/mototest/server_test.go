package mototest_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret/integration/mototest"
)

func TestResetForgetsAll(t *testing.T) {
	s, ctx := mototest.New(t), t.Context()
	c := s.Client()
	if _, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: new("s"), SecretString: new("v")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	_, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: new("s")})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok {
		t.Errorf("got %v, want ResourceNotFoundException", err)
	}
}

func TestMissingProgramIsNamed(t *testing.T) {
	empty := t.TempDir()
	t.Setenv("PATH", empty)
	t.Setenv("HOME", empty)
	t.Setenv("XDG_CACHE_HOME", empty)
	for name, variable := range map[string]string{"nowhere": "", "not where the variable says": filepath.Join(empty, "moto_server")} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(mototest.Variable, variable)
			_, err := mototest.Start(mototest.Config{})
			if !errors.Is(err, mototest.ErrNotInstalled) {
				t.Fatalf("error = %v", err)
			}
			for _, want := range []string{
				"python3 -m venv /tmp/moto && /tmp/moto/bin/pip install 'moto[server]==5.2.5'",
				"export MOTO_SERVER=/tmp/moto/bin/moto_server", variable,
			} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

func TestProgramIsFoundInTheCacheFolder(t *testing.T) {
	cache := t.TempDir()
	bin := filepath.Join(cache, "typedsecret", "moto", "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	// This program ends at once, and the error holds its output.
	if err := os.WriteFile(filepath.Join(bin, "moto_server"), []byte("#!/bin/sh\necho here I am\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(mototest.Variable, "")
	t.Setenv("PATH", cache)
	t.Setenv("XDG_CACHE_HOME", cache)
	if _, err := mototest.Start(mototest.Config{}); err == nil || !strings.Contains(err.Error(), "here I am") {
		t.Errorf("error = %v", err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s, err := mototest.Start(mototest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if resp, err := http.Get(s.URL()); err == nil {
		resp.Body.Close()
		t.Error("the server still answers")
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
