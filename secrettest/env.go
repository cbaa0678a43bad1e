package secrettest

import (
	"os"
	"strings"
	"testing"
)

// Env returns the environment variables, as KEY=value, under which the AWS SDKs
// and the aws command use this server: its address, a region and credentials
// made up for the purpose, and no other configuration. Append it to the
// environment of a child process.
func (s *Server) Env() []string {
	return []string{
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + s.URL(),
		"AWS_REGION=" + s.store.cfg.Region,
		"AWS_ACCESS_KEY_ID=secrettest",
		"AWS_SECRET_ACCESS_KEY=secrettest",
		"AWS_SESSION_TOKEN=",
		"AWS_PROFILE=",
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false",
		"AWS_USE_FIPS_ENDPOINT=false",
		"AWS_USE_DUALSTACK_ENDPOINT=false",
	}
}

// Setenv sets the variables of [Server.Env] for the duration of the test, so that
// config.LoadDefaultConfig of the SDK leads to this server. As t.Setenv, it
// cannot be used in parallel tests.
func (s *Server) Setenv(t testing.TB) {
	t.Helper()
	for _, kv := range s.Env() {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
	}
}
