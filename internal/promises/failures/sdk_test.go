package failures_test

import (
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// An environment is that of a program whose AWS configuration doesn't work. It has a region
// and nothing else, until a row sets more.
type environment struct {
	t    *testing.T
	dir  string // of its files, and the user's home
	opts []func(*config.LoadOptions) error
}

func newEnvironment(t *testing.T) *environment {
	for _, assignment := range os.Environ() {
		if name, _, _ := strings.Cut(assignment, "="); strings.HasPrefix(name, "AWS_") || name == "TYPEDSECRET_SOURCE" {
			t.Setenv(name, "") // which has it set back at the end
			os.Unsetenv(name)
		}
	}
	e := &environment{t: t, dir: t.TempDir()}
	e.set("HOME", e.dir, "AWS_REGION", "eu-west-1", "AWS_EC2_METADATA_DISABLED", "true", "AWS_MAX_ATTEMPTS", "1",
		"AWS_CONFIG_FILE", filepath.Join(e.dir, ".aws/config"), "AWS_SHARED_CREDENTIALS_FILE", filepath.Join(e.dir, ".aws/credentials"))
	return e
}

// set sets variables.
func (e *environment) set(namesAndValues ...string) {
	for i := 0; i < len(namesAndValues); i += 2 {
		e.t.Setenv(namesAndValues[i], namesAndValues[i+1])
	}
}

// keys gives the environment credentials, for failures that come later.
func (e *environment) keys() {
	e.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY", hidden, "AWS_SESSION_TOKEN", hidden)
}

// config writes the shared config file.
func (e *environment) config(lines ...string) { e.write(".aws/config", strings.Join(lines, "\n")+"\n") }

// profile writes the profile app into the shared config file, and selects it.
func (e *environment) profile(lines ...string) {
	e.config(append([]string{"[profile app]"}, lines...)...)
	e.set("AWS_PROFILE", "app")
}

// endpoint is where Secrets Manager is, for requests that have credentials.
func (e *environment) endpoint(url string) {
	e.keys()
	e.set("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
}

// transport changes the SDK's HTTP client.
func (e *environment) transport(change func(*http.Transport)) {
	e.opts = append(e.opts, config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(change)))
}

// proxy has requests go through a proxy, whose password is hidden.
func (e *environment) proxy(address string) { e.through("http", address) }

// socks has requests go through a SOCKS proxy, whose password is hidden.
func (e *environment) socks(address string) { e.through("socks5", address) }

func (e *environment) through(scheme, address string) {
	e.keys()
	e.transport(func(tr *http.Transport) {
		tr.Proxy = http.ProxyURL(&url.URL{Scheme: scheme, Host: address, User: url.UserPassword("app", hidden)})
	})
}

// resolver has names resolved by it.
func (e *environment) resolver(r *net.Resolver) {
	e.keys()
	e.transport(func(tr *http.Transport) { tr.DialContext = (&net.Dialer{Resolver: r}).DialContext })
}

// trusting has the SDK's HTTP client trust pool.
func (e *environment) trusting(pool *x509.CertPool) {
	e.transport(func(tr *http.Transport) { tr.TLSClientConfig = &tls.Config{RootCAs: pool} })
}

// ssoToken writes the file that aws sso login leaves.
func (e *environment) ssoToken(of, text string) {
	sum := sha1.Sum([]byte(of))
	e.write(".aws/sso/cache/"+hex.EncodeToString(sum[:])+".json", text)
}

// An sdkFailure is a row of the second table of docs/failures.md.
type sdkFailure struct {
	name  string
	class string   // what secret.Class says
	says  []string // what the error must tell: a path, a status, a host, a name
	begin func(e *environment)
}

const ssoURL = "https://example.awsapps.com/start"

func (f sdkFailure) get(t *testing.T, e *environment) error {
	source, err := awssm.FromEnvironment(t.Context(), e.opts...)
	if err != nil {
		if len(e.opts) > 0 {
			return err
		}
		defer typedsecret.CloseDefault()
		_, err = typedsecret.New[DBCreds]("prod/db").Get(t.Context())
		return err
	}
	c := handletest.Open(t, source, cache.Config{Backoff: backoff.Policy{Base: time.Hour, Jitter: backoff.NoJitter}})
	_, err = typedsecret.New[DBCreds]("prod/db", typedsecret.WithCache(c)).Get(t.Context())
	return err
}

// play makes the failure happen, and returns its row.
func (f sdkFailure) play(t *testing.T) string {
	e := newEnvironment(t)
	f.begin(e)
	err := f.get(t, e)
	if err == nil {
		t.Fatal("no error")
	}
	text := strings.ReplaceAll(plain(strings.ReplaceAll(err.Error(), e.dir, "/home/app")), "1h0m0s", "1s")
	text = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:]+Z`).ReplaceAllString(text, "2000-01-01T00:00:00Z")
	if got := secret.Class(err); got != f.class {
		t.Errorf("its class is %s, want %s", got, f.class)
	}
	for _, part := range f.says {
		if !strings.Contains(text, part) {
			t.Errorf("the error does not say %q", part)
		}
	}
	if strings.Contains(text, "withheld") {
		t.Error("the error withholds its cause")
	}
	wantHidden(t, err)
	return fmt.Sprintf("| %s | `%s` | `%s` | `TestFailuresOfTheSDK/%s` |\n", f.name, text, f.class, strings.ReplaceAll(f.name, " ", "_"))
}

// wantHidden checks that neither err nor what it wraps shows a piece of hidden.
func wantHidden(t *testing.T, err error) {
	t.Helper()
	pending := []error{err}
	for i := 0; i < len(pending) && i < 100; i++ {
		for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
			for at := range len(hidden) - 5 {
				if text := fmt.Sprintf(verb, pending[i]); strings.Contains(text, hidden[at:at+6]) {
					t.Errorf("%T shows a secret with %s: %s", pending[i], verb, text)
				}
			}
		}
		switch u := pending[i].(type) {
		case interface{ Unwrap() error }:
			if below := u.Unwrap(); below != nil {
				pending = append(pending, below)
			}
		case interface{ Unwrap() []error }:
			pending = append(pending, u.Unwrap()...)
		}
	}
}

const sdkHead = `
## Failures of the AWS SDK

Credentials, configuration, proxies, certificates, names and clocks: these failures are not about the secret. Each row was provoked with real files and servers on one machine. The error says what to do. The class is that of ` + "`secret.Class`" + `. A failure of the class ` + "`unavailable`" + ` is tried again and never held against the secret. After one of the class ` + "`invalid_config`" + ` there is no default cache yet, and the next ` + "`Get`" + ` tries again to build it.

An error tells the path, the status, the host, the variable or the profile. It does not tell what could be a secret: the body of an answer, the value of a header or of a setting, what a ` + "`credential_process`" + ` prints, and a URL's user, password and query. Any other text is withheld, and the error shows its type instead.

| failure | error of Get | class | test |
| --- | --- | --- | --- |
`

func TestFailuresOfTheSDK(t *testing.T) {
	var rows strings.Builder
	for _, f := range sdkFailures {
		t.Run(f.name, func(t *testing.T) {
			row := f.play(t)
			wantRow(t, row)
			rows.WriteString(row)
		})
	}
	if *updateFailures {
		first, _ := halves(t)
		writePage(t, first, sdkHead+rows.String())
	}
}
