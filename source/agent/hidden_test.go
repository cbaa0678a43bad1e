package agent_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/agent"
)

// TestWhatTheAgentsCacheHides is seen at once by a Source with RefreshNow.
func TestWhatTheAgentsCacheHides(t *testing.T) {
	for name, row := range map[string]struct {
		happen func(a *fakeAgent)
		want   error
	}{
		"the secret is deleted": {func(a *fakeAgent) {
			if _, err := a.client.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("db")}); err != nil {
				t.Error(err)
			}
		}, secret.ErrDeleted},
		"reading it is denied": {func(a *fakeAgent) {
			a.upstream.Fail(t, secrettest.Fault{Operation: "GetSecretValue", Effect: secrettest.AccessDenied()})
		}, secret.ErrAccessDenied},
		"its key is disabled": {func(a *fakeAgent) {
			a.upstream.Fail(t, secrettest.Fault{Operation: "GetSecretValue", Effect: secrettest.DecryptionFailure()})
		}, secret.ErrDecryption},
		"Secrets Manager is down": {func(a *fakeAgent) {
			a.upstream.Fail(t, secrettest.Fault{Effect: secrettest.Unavailable()})
		}, secret.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t)
			a.upstream.Seed(t, "db", "hunter2")
			file := tokenFile(t, "token-1")
			usual := open(t, agent.Config{URL: a.URL, TokenFile: file})
			always := open(t, agent.Config{URL: a.URL, TokenFile: file, RefreshNow: true})
			for _, s := range []*agent.Source{usual, always} {
				if _, err := s.Fetch(t.Context(), current); err != nil {
					t.Fatal(err)
				}
			}
			row.happen(a)
			a.expire()
			if v, err := usual.Fetch(t.Context(), current); v.Payload.Reveal() != "hunter2" || err != nil {
				t.Errorf("after the agent's TTL: %v", err)
			}
			if _, err := always.Fetch(t.Context(), current); !errors.Is(err, row.want) {
				t.Errorf("with RefreshNow: %v", err)
			}
		})
	}
}

var current = secret.Ref{ID: "db", Stage: "AWSCURRENT"}

func TestWhatTheAgentFetchedBeforehandIsTaken(t *testing.T) {
	a := newAgent(t)
	a.upstream.Seed(t, "db", "hunter2")
	a.prefetch(t, "db")
	a.upstream.ResetCalls()
	v, err := open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")}).Fetch(t.Context(), current)
	if v.Payload.Reveal() != "hunter2" || err != nil {
		t.Errorf("got %v", err)
	}
	if n := a.upstream.Calls(); n != 0 {
		t.Errorf("the agent made %d calls more", n)
	}
}

// TestAStageBesideAVersionIsAsked, since it says something there: a version that is not the
// current one is refused.
func TestAStageBesideAVersionIsAsked(t *testing.T) {
	a := newAgent(t)
	a.upstream.Seed(t, "db", "one")
	source := open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")})
	v, err := source.Fetch(t.Context(), current)
	if err != nil {
		t.Fatal(err)
	}
	a.upstream.Rotate(t, "db", "two")
	_, err = source.Fetch(t.Context(), secret.Ref{ID: "db", Stage: "AWSCURRENT", VersionID: v.VersionID})
	if !errors.Is(err, secret.ErrInvalidRequest) && !errors.Is(err, secret.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestTheActionThatIsDeniedIsNamed(t *testing.T) {
	a := newAgent(t)
	a.upstream.Seed(t, "db", "hunter2")
	source := open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")})
	for _, action := range []string{"GetSecretValue", "DescribeSecret"} {
		if action == "DescribeSecret" {
			if _, err := source.Fetch(t.Context(), current); err != nil {
				t.Fatal(err)
			}
			a.expire()
		}
		stop := a.upstream.Fail(t, secrettest.Fault{Operation: action, Effect: secrettest.AccessDenied()})
		_, err := source.Fetch(t.Context(), current)
		stop()
		if !errors.Is(err, secret.ErrAccessDenied) || !strings.Contains(err.Error(), fmt.Sprintf("allow secretsmanager:%s on the secret", action)) {
			t.Errorf("%s is denied: %v", action, err)
		}
	}
}
