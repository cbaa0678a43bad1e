package awssm_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source"
	"github.com/typedsecret/typedsecret/source/awssm"
)

const reader = "arn:aws:iam::210987654321:role/team/reader"

// assumed is what the STS of newSTS gives.
const assumed = "ASIAASSUMED"

// newSTS is an STS that gives credentials for one role, and that the environment names.
func newSTS(t *testing.T) (asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.FormValue("Action") != "AssumeRole" || r.FormValue("RoleSessionName") != "typedsecret" {
			t.Errorf("STS was asked for %v", r.Form)
		}
		if r.FormValue("RoleArn") != reader {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: arn:aws:iam::123456789012:user/app `+
				`is not authorized to perform: sts:AssumeRole on resource: `+r.FormValue("RoleArn")+`</Message></Error></ErrorResponse>`)
			return
		}
		fmt.Fprint(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>`+assumed+`</AccessKeyId><SecretAccessKey>k</SecretAccessKey>`+
			`<SessionToken>t</SessionToken><Expiration>2126-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
	}))
	t.Cleanup(sts.Close)
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	return asked
}

// signers are the access keys that the requests to the front of a server were signed with.
func signers(t *testing.T, behind *secrettest.Server) (url string, seen func() string) {
	t.Helper()
	var keys []string
	front := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		key, _, _ := strings.Cut(rest, "/")
		keys = append(keys, key)
		fmt.Fprint(w, `{"SecretString":"s","Name":"prod/db","VersionId":"v1"}`)
	})
	return front.URL, func() string { return strings.Join(keys, " ") }
}

func TestARoleIsAssumedForSecretsManagerAlone(t *testing.T) {
	for setting, requests := range map[string]int64{
		"aws:?role=" + reader: 1, "aws:eu-west-1?role=" + reader + "&ttl=5m": 1, "failover:eu-west-1,eu-central-1?role=" + reader: 1,
	} {
		t.Run(setting, func(t *testing.T) {
			srv := secrettest.New(t)
			srv.Setenv(t)
			asked := newSTS(t)
			url, seen := signers(t, srv)
			t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
			s, err := source.Open(t.Context(), setting)
			if err != nil {
				t.Fatal(err)
			}
			if asked.Load() != 0 {
				t.Error("the role was assumed before a fetch")
			}
			for range 2 {
				if v, err := s.Fetch(t.Context(), current); v.Payload.Reveal() != "s" || err != nil {
					t.Errorf("%q, %v", v.Payload.Reveal(), err)
				}
			}
			if got := seen(); got != assumed+" "+assumed || asked.Load() != requests {
				t.Errorf("signed with %s, after %d requests to STS", got, asked.Load())
			}
		})
	}
}

func TestARoleThatMayNotBeAssumed(t *testing.T) {
	srv := secrettest.New(t)
	srv.Setenv(t)
	newSTS(t)
	s, err := awssm.AssumeRole(t.Context(), "arn:aws:iam::210987654321:role/other")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Fetch(t.Context(), current)
	if !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), "allow sts:AssumeRole on ") || strings.Contains(err.Error(), "GetSecretValue") {
		t.Errorf("got %v", err)
	}
	if n := srv.Calls(); n != 0 {
		t.Errorf("Secrets Manager got %d calls", n)
	}
}

func TestARoleThatIsNoneIsRefused(t *testing.T) {
	for _, role := range []string{"", "reader", "arn:aws:iam::123456789012:user/x", "hunter2"} {
		_, err := awssm.AssumeRole(t.Context(), role)
		if err == nil || !strings.Contains(err.Error(), "not the ARN of one") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", role, err)
		}
	}
}
