package secrettest

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"testing"
)

// Env returns the environment variables, as KEY=value, under which the AWS SDKs
// and the aws command use this server: its address, a region and credentials made
// up for the purpose, and no other configuration. Append it to the environment of
// a child process. What must not be set is set to nothing, but for variables such
// as AWS_PROFILE, for which the aws command does not take that: they are there,
// and empty, only if this process has them; AWS_CA_BUNDLE, only if there is no such
// file, as boto3 takes neither an empty one nor a missing file. NO_PROXY keeps what this process has
// in it and gets the addresses of this machine.
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
		"TYPEDSECRET_SOURCE=",
	}
	// Where no_proxy is set it counts first, or last: it depends on the program.
	upper, lower := os.Getenv("NO_PROXY"), os.Getenv("no_proxy")
	env = append(env, "NO_PROXY="+withLoopback(cmp.Or(upper, lower)))
	if lower != "" {
		env = append(env, "no_proxy="+withLoopback(lower))
	}
	for _, kv := range os.Environ() {
		k, v, _ := strings.Cut(kv, "=")
		if _, err := os.Stat(v); k == "AWS_CA_BUNDLE" && err == nil {
			continue
		}
		if slices.Contains(unwanted, k) {
			env = append(env, k+"=")
		}
	}
	return env
}

// withLoopback appends the names of this machine that a list of hosts lacks.
func withLoopback(hosts string) string {
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if !slices.Contains(strings.FieldsFunc(hosts, func(r rune) bool { return r == ',' || r == ' ' }), host) {
			hosts = strings.TrimPrefix(hosts+","+host, ",")
		}
	}
	return hosts
}

// unwanted are the variables that would lead the SDKs elsewhere, or make them
// behave or fail in their own way, and that not all of them ignore when empty.
var unwanted = []string{
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE",
	"AWS_CA_BUNDLE", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_DEFAULTS_MODE",
}

// Setenv sets the variables of [Server.Env] for the duration of the test, and
// removes those that it leaves empty, so that config.LoadDefaultConfig of the SDK
// leads to this server. As t.Setenv, it cannot be used in parallel tests.
func (s *Server) Setenv(t testing.TB) {
	t.Helper()
	for _, kv := range append(s.Env(), "AWS_CA_BUNDLE=") { // Go's SDK does without
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
		if v == "" {
			os.Unsetenv(k) // after t.Setenv, which restores it
		}
	}
}
