package secrettest

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"testing"
)

// Env returns environment variables, as KEY=value, with which the AWS SDKs and the aws
// command use this server: its address, a region and made-up credentials, and no other
// configuration. Append them to the environment of a child process.
//
// Variables that must not be set are empty in the list. The aws command refuses an empty
// AWS_PROFILE and others like it, so these are in the list only if this process has them.
// AWS_CA_BUNDLE is in it only if its file does not exist, since boto3 refuses both a
// missing file and an empty variable. NO_PROXY keeps its value in this process, and gets
// the addresses of this machine too.
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
	// Some programs prefer no_proxy, and others NO_PROXY.
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

// withLoopback appends this machine's names to a list of hosts, if they are not in it.
func withLoopback(hosts string) string {
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if !slices.Contains(strings.FieldsFunc(hosts, func(r rune) bool { return r == ',' || r == ' ' }), host) {
			hosts = strings.TrimPrefix(hosts+","+host, ",")
		}
	}
	return hosts
}

// unwanted are variables that would lead the SDKs elsewhere or change their behaviour, and
// that not all SDKs ignore when they are empty.
var unwanted = []string{
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE",
	"AWS_CA_BUNDLE", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_DEFAULTS_MODE",
}

// Setenv sets the variables of [Server.Env] for the duration of the test, and removes those
// that are empty. The SDK's config.LoadDefaultConfig then leads to this server. Like
// t.Setenv, it cannot be used in parallel tests.
func (s *Server) Setenv(t testing.TB) {
	t.Helper()
	for _, kv := range append(s.Env(), "AWS_CA_BUNDLE=") { // Go's SDK needs no AWS_CA_BUNDLE
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
		if v == "" {
			os.Unsetenv(k) // after t.Setenv, which restores it
		}
	}
}
