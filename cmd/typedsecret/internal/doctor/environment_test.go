package doctor

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/secrettest"
)

// lines returns what environment says, by subject.
func lines(t *testing.T) map[string]string {
	t.Helper()
	said := map[string]string{}
	for _, l := range environment(t.Context(), time.Minute) {
		said[l.Subject] = string(l.Status) + " " + l.Text
	}
	return said
}

func TestTheEnvironmentIsDescribed(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, s *secrettest.Server)
		want    map[string]string // the beginnings of lines
	}{
		"all is well": {func(*testing.T, *secrettest.Server) {}, map[string]string{
			"source":      "ok the secrets come from Secrets Manager, since TYPEDSECRET_SOURCE is not set",
			"region":      "ok us-east-1, from AWS_REGION",
			"credentials": "ok from EnvConfigCredentials",
			"endpoint":    "ok http://127.0.0.1:",
			"clock":       "ok agrees with the endpoint's",
		}},
		"no credentials": {func(t *testing.T, _ *secrettest.Server) {
			t.Setenv("AWS_ACCESS_KEY_ID", "")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "")
		}, map[string]string{"credentials": "FAIL the AWS SDK gets none", "endpoint": "ok "}},
		"no endpoint": {func(_ *testing.T, s *secrettest.Server) {
			s.URL()
			s.Close()
		}, map[string]string{"endpoint": "FAIL http://127.0.0.1:"}},
		"a clock that is off": {func(t *testing.T, s *secrettest.Server) {
			s.Fail(t, secrettest.Fault{Effect: secrettest.ClockSkew(time.Hour)})
		}, map[string]string{"clock": "FAIL this machine's clock is "}},
		"a clock that is a little off": {func(t *testing.T, s *secrettest.Server) {
			s.Fail(t, secrettest.Fault{Effect: secrettest.ClockSkew(-time.Minute)})
		}, map[string]string{"clock": "note this machine's clock is "}},
		"a source of a wrong form": {func(t *testing.T, _ *secrettest.Server) {
			t.Setenv("TYPEDSECRET_SOURCE", "asw:")
		}, map[string]string{"source": "FAIL TYPEDSECRET_SOURCE: "}},
		"another source": {func(t *testing.T, _ *secrettest.Server) {
			t.Setenv("TYPEDSECRET_SOURCE", "env:")
		}, map[string]string{"source": "ok the secrets come from env: (TYPEDSECRET_SOURCE)"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := secrettest.New(t)
			s.Setenv(t)
			tt.prepare(t, s)
			said := lines(t)
			for subject, want := range tt.want {
				if !strings.HasPrefix(said[subject], want) {
					t.Errorf("%s: %q, want %q", subject, said[subject], want)
				}
			}
			if tt.want["source"] != "" && len(said) != len(tt.want) {
				t.Errorf("more lines: %q", said)
			}
		})
	}
}

func TestAConnectionThatFailsHasAReason(t *testing.T) {
	for want, err := range map[string]error{
		"there is no address for secretsmanager.eu-west-9.amazonaws.com; see whether the region exists": &net.DNSError{Name: "secretsmanager.eu-west-9.amazonaws.com"},
		"give its certificate by AWS_CA_BUNDLE":                                                         errors.New("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
		"connection refused":                                                                            errors.New("connection refused"),
	} {
		if got := because(err); !strings.Contains(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
