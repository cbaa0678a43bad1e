package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/internal/turns"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/agent"
)

// forced fetches past the agent's cache.
func forced(t *testing.T, source *agent.Source) string {
	t.Helper()
	v, err := source.Fetch(context.WithValue(t.Context(), turns.Forced{}, true), current)
	if err != nil {
		t.Error(err)
	}
	return v.Payload.Reveal()
}

// TestANewAgentIsAskedByRefreshNow, although the one before it did not know that.
func TestANewAgentIsAskedByRefreshNow(t *testing.T) {
	for name, replace := range map[string]func(a *fakeAgent, file string, source *agent.Source){
		"with another token": func(a *fakeAgent, file string, _ *agent.Source) {
			a.setToken("token-2")
			if err := os.WriteFile(file, []byte("token-2"), 0o600); err != nil {
				t.Error(err)
			}
		},
		"after a broken connection": func(a *fakeAgent, _ string, source *agent.Source) {
			stop := a.failing(func(http.ResponseWriter) { panic(http.ErrAbortHandler) })
			if _, err := source.Fetch(t.Context(), current); !errors.Is(err, secret.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			stop()
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t)
			a.lacks = []string{"refreshNow"}
			a.upstream.Seed(t, "db", "one")
			file := tokenFile(t, "token-1")
			source := open(t, agent.Config{URL: a.URL, TokenFile: file})
			forced(t, source)
			a.upstream.Rotate(t, "db", "two")
			before := a.requests.Load()
			if got := forced(t, source); got != "one" || a.requests.Load() != before+1 {
				t.Errorf("an old agent: %q, by %d requests", got, a.requests.Load()-before)
			}
			a.lacks = nil
			replace(a, file, source)
			if got := forced(t, source); got != "two" {
				t.Errorf("the new agent: %q", got)
			}
		})
	}
}

// TestAnAgentThatTookTheTokenOverIsAskedByRefreshNow some minutes later.
func TestAnAgentThatTookTheTokenOverIsAskedByRefreshNow(t *testing.T) {
	known := agent.NewOld()
	synctest.Test(t, func(t *testing.T) {
		known.Add("token")
		time.Sleep(4 * time.Minute)
		if !known.Has("token") || known.Has("token-2") {
			t.Error("it is not remembered, or another is")
		}
		time.Sleep(2 * time.Minute)
		if known.Has("token") {
			t.Error("it is remembered for ever")
		}
	})
}

// TestAConnectionThatBreaksSaysWhatHappened and where to look.
func TestAConnectionThatBreaksSaysWhatHappened(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"killed before its answer": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"killed within its answer": func(w http.ResponseWriter) {
			io.WriteString(w, `{"SecretString":"hunter2`)
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"shorter than it says": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"SecretString":"hunter2`)
		},
		"reset": func(w http.ResponseWriter) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
			defer server.Close()
			_, err := open(t, agent.Config{URL: server.URL, TokenFile: tokenFile(t, "token-1")}).Fetch(t.Context(), current)
			text := fmt.Sprint(err)
			if !errors.Is(err, secret.ErrUnavailable) || strings.Contains(text, "errorString") || strings.Contains(text, "hunter2") {
				t.Errorf("got %v", err)
			}
			for _, says := range []string{"the agent at " + server.URL, "it was stopped", "61 s", "logs/secrets_manager_provider.log"} {
				if !strings.Contains(text, says) {
					t.Errorf("the error does not say %q: %s", says, text)
				}
			}
		})
	}
}
