package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/agent"
)

func TestARoleIsAskedFor(t *testing.T) {
	const role, other = "arn:aws:iam::210987654321:role/team/reader+x", "arn:aws:iam::210987654321:role/other"
	a := newAgent(t)
	a.upstream.Seed(t, "db", "hunter2")
	a.roles = []string{role}
	file := tokenFile(t, "token-1")
	for arn, says := range map[string]string{role: "", other: "allow sts:AssumeRole on it"} {
		_, err := open(t, agent.Config{URL: a.URL, TokenFile: file, RoleARN: arn}).Fetch(t.Context(), current)
		if (err == nil) != (says == "") || err != nil && (!errors.Is(err, secret.ErrAccessDenied) || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v", arn, err)
		}
	}
	a.lacks = []string{"roleArn"}
	_, err := open(t, agent.Config{URL: a.URL, TokenFile: file, RoleARN: role}).Fetch(t.Context(), current)
	if !errors.Is(err, secret.ErrInvalidRequest) || !strings.Contains(err.Error(), "since its version 2.1.0") {
		t.Errorf("an old agent: %v", err)
	}
	for _, arn := range []string{"hunter2", "arn:aws:iam::1:role/x", "arn:aws:iam::123456789012:user/x", role + "&x=y"} {
		if _, err := agent.New(agent.Config{RoleARN: arn}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", arn, err)
		}
	}
}

func TestTheTokenGoesIntoTheHeaderThatTheAgentWants(t *testing.T) {
	a := newAgent(t)
	a.upstream.Seed(t, "db", "hunter2")
	a.header = "X-Vault-Token"
	file := tokenFile(t, "token-1")
	for header, want := range map[string]error{"": secret.ErrAccessDenied, "x-vault-token": nil} {
		if _, err := open(t, agent.Config{URL: a.URL, TokenFile: file, TokenHeader: header}).Fetch(t.Context(), current); !errors.Is(err, want) {
			t.Errorf("%q: %v", header, err)
		}
	}
	for _, header := range []string{"X Y", "X:hunter2", "X-Forwarded-For", "host", "ü", "\n", strings.Repeat("x", 300)} {
		if _, err := agent.New(agent.Config{TokenHeader: header}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", header, err)
		}
	}
}

func TestWhereTheAgentPutsItsToken(t *testing.T) {
	t.Setenv("ProgramData", `C:\ProgramData`)
	for system, want := range map[string]string{
		"linux": "/var/run/awssmatoken", "windows": `C:\ProgramData\AWS\WorkloadCredentialsProvider\awssmatoken`,
	} {
		if got := agent.DefaultTokenFile(system); got != want {
			t.Errorf("on %s: %s, want %s", system, got, want)
		}
	}
}

func TestPing(t *testing.T) {
	a := newAgent(t)
	source := open(t, agent.Config{URL: a.URL + "/", TokenFile: "/nonexistent"}) // it needs none
	if err := source.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	for name, row := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"another server":       {200, "<html>hunter2", secret.ErrUnavailable},
		"not found":            {404, "hunter2", secret.ErrUnavailable},
		"too many connections": {429, "Connection limit exceeded", secret.ErrThrottled},
	} {
		stop := a.failing(func(w http.ResponseWriter) {
			w.WriteHeader(row.status)
			io.WriteString(w, row.body)
		})
		if err := source.Ping(t.Context()); !errors.Is(err, row.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
		stop()
	}
	ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	if err := source.Ping(ctx); !errors.Is(err, secret.ErrTimeout) {
		t.Errorf("no time: %v", err)
	}
	a.Close()
	if err := source.Ping(t.Context()); !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), "is it running?") {
		t.Errorf("no agent: %v", err)
	}
	if err := new(agent.Source).Ping(t.Context()); err == nil {
		t.Error("a Source that New did not make, and no error")
	}
}

// TestAThousandFetchesAreNotTooManyConnections for an agent that allows 100 of them.
func TestAThousandFetchesAreNotTooManyConnections(t *testing.T) {
	a := newAgent(t)
	a.maxConn = 100
	const most = 64
	var present, highest atomic.Int64
	arrived, release := make(chan struct{}, 1000), make(chan struct{})
	a.failing(func(w http.ResponseWriter) {
		n := present.Add(1)
		defer present.Add(-1)
		for h := highest.Load(); n > h && !highest.CompareAndSwap(h, n); h = highest.Load() {
		}
		arrived <- struct{}{}
		<-release
		if n > a.maxConn {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		fmt.Fprint(w, `{"Name":"db","SecretString":"x"}`)
	})
	source := open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")})
	var fetches sync.WaitGroup
	for range 1000 {
		fetches.Go(func() {
			if _, err := source.Fetch(t.Context(), current); err != nil {
				t.Error(err)
			}
		})
	}
	for range most {
		<-arrived
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := source.Fetch(short, current); !errors.Is(err, secret.ErrTimeout) {
		t.Errorf("no place in time: %v", err)
	}
	close(release)
	fetches.Wait()
	if n := highest.Load(); n != most {
		t.Errorf("%d requests at once, want %d", n, most)
	}
}
