package source_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source"
)

func TestASettingHasAPrefixForNames(t *testing.T) {
	server := secrettest.New(t)
	server.Setenv(t)
	server.Seed(t, "staging/db", "from aws")
	dir := t.TempDir()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.Mkdir(filepath.Join(dir, "staging"), 0o755))
	for name, content := range map[string]string{
		"staging/db": "from file", "staging_key": "flat", "dev.json": `{"staging/db":"from json","a+b c/db":"odd"}`, "dev.env": "staging/db=from lines",
	} {
		check(os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	t.Setenv("SECRET_STAGING_DB", "from env")
	json := "static:" + filepath.Join(dir, "dev.json")
	for setting, want := range map[string]string{
		"aws:?prefix=staging/": "from aws", "aws:eu-west-1?prefix=staging%2F": "from aws", "failover:eu-west-1,eu-central-1?prefix=staging/": "from aws",
		"file:" + dir + "?prefix=staging/": "from file", "env:SECRET_?prefix=staging/": "from env", json + "?prefix=staging/": "from json",
		"static:" + filepath.Join(dir, "dev.env") + "?ttl=1m&prefix=staging/": "from lines",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Setenv(source.Variable, setting)
			s, err := source.FromEnvironment(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			v, err := s.Fetch(t.Context(), secret.Ref{ID: "db", Stage: "AWSCURRENT"})
			if got := v.Payload.Reveal(); got != want || v.Name != "db" || err != nil {
				t.Errorf("%q of the name %q, %v", got, v.Name, err)
			}
			_, err = s.Fetch(t.Context(), secret.Ref{ID: "none"})
			if !errors.Is(err, secret.ErrNotFound) || !strings.Contains(err.Error(), "as staging/none: ") {
				t.Errorf("the error does not say under which name the secret was asked for: %v", err)
			}
		})
	}
}

func TestASettingHasATTL(t *testing.T) {
	dir := t.TempDir()
	for setting, want := range map[string]time.Duration{
		"file:" + dir: 0, "file:" + dir + "?ttl=10s": 10 * time.Second, "file:" + dir + "?prefix=a/&ttl=1m30s": 90 * time.Second,
		"static:static/testdata/dev.json?ttl=1s": time.Second, "env:?ttl=2h": 2 * time.Hour, "file:" + dir + "?prefix=a/": 0,
	} {
		s, err := source.Open(t.Context(), setting)
		if err != nil || source.TTL(s) != want {
			t.Errorf("%s: %v, %v", setting, source.TTL(s), err)
		}
		if err == nil && source.TTL(source.WithPrefix(s, "b/")) != want {
			t.Errorf("%s: a prefix loses the TTL", setting)
		}
	}
	if ttl := source.TTL(nil); ttl != 0 {
		t.Errorf("of nil: %v", ttl)
	}
}

func TestAParameterThatIsWrongIsRefused(t *testing.T) {
	for setting, says := range map[string]string{
		"file:/mnt?hunter2=x":                             "file: parameter 1 behind the question mark is not known; the known are prefix, ttl",
		"static:static/testdata/dev.json?prefix=a&role=x": "static: parameter 2 behind the question mark is not known; the known are prefix, ttl",
		"aws:?refreshNow=true":                            "aws: parameter 1 behind the question mark is not known; the known are prefix, ttl, role",
		"agent:?hunter2":                                  "the known are prefix, ttl, role, refreshNow",
		"agent:?":                                         "parameter 1",
		"agent:?prefix=a&":                                "parameter 2",
		"env:?Prefix=hunter2":                             "the known are prefix, ttl",
		"env:?prefix=a&prefix=hunter2":                    "env: the parameter prefix is there twice",
		"env:?prefix=":                                    "the parameter prefix is empty",
		"env:?prefix":                                     "the parameter prefix is empty",
		"env:?prefix=hunter2!/%24":                        "the parameter prefix has a character, number 10,",
		"env:?prefix=arn:hunter2":                         "the parameter prefix has a character, number 4,",
		"env:?prefix=hunter2%zz":                          "the parameter prefix has a % that begins no escape",
		"env:?ttl=hunter2":                                "the parameter ttl is no duration",
		"env:?ttl=300":                                    "the parameter ttl is no duration",
		"env:?ttl=-1s":                                    "the parameter ttl is no duration",
		"env:?ttl=300ns":                                  "the parameter ttl is no duration",
		"aws:?role=hunter2":                               "the parameter role is not the ARN of a role; one looks like arn:aws:iam::",
		"aws:?role=":                                      "the parameter role is not the ARN",
		"aws:?role=arn:aws:iam::123456789012:user/x":      "the parameter role is not the ARN",
		"agent:?role=arn:aws:iam::12345:role/x":           "the parameter role is not the ARN",
		"agent:?refreshNow=hunter2":                       "the parameter refreshNow is neither true nor false",
	} {
		s, err := source.Open(t.Context(), setting)
		if s != nil || !errors.Is(err, cache.ErrInvalidConfig) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, %v; want it to say %q", setting, s, err, says)
		}
	}
}
