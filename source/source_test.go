package source_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source"
)

func TestASettingNamesASource(t *testing.T) {
	server := secrettest.New(t)
	server.Setenv(t)
	server.Seed(t, "db", "from aws")
	dir := t.TempDir()
	for name, content := range map[string]string{"db": "from file", "dev.json": `{"db":"from json"}`, "dev.env": "db=from lines"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SECRET_DB", "from env")
	for setting, want := range map[string]string{
		"": "from aws", "aws:": "from aws", "failover:eu-west-1, eu-central-1": "from aws", "aws:eu-west-1": "from aws", "failover:eu-west-1,eu-central-1": "from aws",
		"file:" + dir: "from file", "env:SECRET_": "from env",
		"static:" + filepath.Join(dir, "dev.json"): "from json", "static:" + filepath.Join(dir, "dev.env"): "from lines",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Setenv(source.Variable, setting)
			s, err := source.FromEnvironment(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			v, err := s.Fetch(t.Context(), secret.Ref{ID: "db", Stage: "AWSCURRENT"})
			if got := v.Payload.Reveal(); got != want || err != nil {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	if s, err := source.Open(t.Context(), "agent:"); err != nil || fmt.Sprint(s) != "agent:http://localhost:2773/secretsmanager/get" {
		t.Errorf("%v, %v", s, err)
	}
}

func TestAnUnknownSettingIsAnErrorThatListsTheKnown(t *testing.T) {
	for _, setting := range []string{"vault:secret/db", "static", "hunter2hunter2hunter2hunter2", "hunter2:x", "AWS:", ":"} {
		t.Setenv(source.Variable, setting)
		s, err := source.FromEnvironment(t.Context())
		if s != nil || !errors.Is(err, cache.ErrInvalidConfig) {
			t.Fatalf("%q: %v, %v", setting, s, err)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error quotes the setting: %v", err)
		}
		for _, known := range []string{source.Variable, "aws:", "agent:", "failover:", "file:", "env:", "static:"} {
			if !strings.Contains(err.Error(), known) {
				t.Errorf("%q: the error does not list %s: %v", setting, known, err)
			}
		}
	}
	for setting, says := range map[string]string{
		"file:": "directory is empty", "static:no-such.json": "no-such.json", "static:": "the path is empty", "agent:http://example.com": "localhost",
		"failover:": "number 1 in the list", "failover:eu-west-1,,b": "number 2 in the list", "failover:hunter2, hunter2": "numbers 1 and 2",
		"aws:not a region": "no region", "aws:hunter2/x": "no region", "failover:eu-west-1,hunter2/x": "number 2 in the list",
		`static:{"a":"hunter2"}`: "looks like secrets", `file:{"a":"hunter2"}`: "looks like secrets", "static:a=hunter2": "neither .json nor .env",
		"env:hunter2!": "character 8 of the prefix", "agent:http://hunter2": "not this machine", "agent:http://a:hunter2@localhost": "more than a host",
		"agent:http://localhost?hunter2": "parameter 1", "agent:http://localhost#hunter2": "more than a host", "agent:hunter2://x": "none of an agent",
	} {
		s, err := source.Open(t.Context(), setting)
		if s != nil || !errors.Is(err, cache.ErrInvalidConfig) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, %v", setting, s, err)
		}
	}
}

func TestANilContextIsBackground(t *testing.T) {
	secrettest.New(t).Setenv(t)
	for _, setting := range []string{"aws:", "aws:eu-west-1", "failover:eu-west-1", "static:static/testdata/dev.json"} {
		var none context.Context
		if _, err := source.Open(none, setting); err != nil {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

func ExampleOpen() {
	s, err := source.Open(context.Background(), "static:static/testdata/dev.json")
	if err != nil {
		panic(err)
	}
	v, err := s.Fetch(context.Background(), secret.Ref{ID: "prod/api-key"})
	fmt.Println(v.Payload.Reveal(), err)

	_, err = source.Open(context.Background(), "vault:kv/db")
	fmt.Println(err)
	// Output:
	// dev <nil>
	// invalid configuration: the setting begins with no known scheme; the known are aws: or aws:eu-west-1; agent: or agent:http://localhost:2773; failover:eu-west-1,eu-central-1; file:/mnt/secrets; env: or env:PREFIX_; static:dev.json
}
