package secrettest

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Env returns the environment variables, as KEY=value, under which the AWS SDKs
// and the aws command use this server: its address, a region and credentials made
// up for the purpose, and no other configuration. Append it to the environment of
// a child process. What must not be set is set to nothing, but for AWS_PROFILE,
// for which the aws command does not take that: it is there, and empty, only if
// this process has it.
func (s *Server) Env() []string {
	env := []string{
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + s.URL(),
		"AWS_REGION=" + s.store.cfg.Region,
		"AWS_DEFAULT_REGION=" + s.store.cfg.Region,
		"AWS_ACCESS_KEY_ID=secrettest",
		"AWS_SECRET_ACCESS_KEY=secrettest",
		"AWS_SESSION_TOKEN=",
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false",
		"AWS_USE_FIPS_ENDPOINT=false",
		"AWS_USE_DUALSTACK_ENDPOINT=false",
	}
	for _, kv := range os.Environ() {
		if k, _, _ := strings.Cut(kv, "="); slices.Contains(unwanted, k) {
			env = append(env, k+"=")
		}
	}
	return env
}

// unwanted are the variables that would lead the SDKs elsewhere and that not all
// of them ignore when empty.
var unwanted = []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}

// Setenv sets the variables of [Server.Env] for the duration of the test, and
// removes those that it leaves empty, so that config.LoadDefaultConfig of the SDK
// leads to this server. As t.Setenv, it cannot be used in parallel tests.
func (s *Server) Setenv(t testing.TB) {
	t.Helper()
	for _, kv := range s.Env() {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
		if v == "" {
			os.Unsetenv(k) // after t.Setenv, which restores it
		}
	}
}
