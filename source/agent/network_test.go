package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/agent"
)

// elsewhere is a server that is not to be asked.
func elsewhere(t *testing.T) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func TestARedirectIsNotFollowed(t *testing.T) {
	a := newAgent(t)
	source := open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")})
	url, asked := elsewhere(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		stop := a.failing(func(w http.ResponseWriter) {
			w.Header().Set("Location", url+"/secretsmanager/get")
			w.WriteHeader(status)
		})
		_, err := source.Fetch(t.Context(), secret.Ref{ID: "db"})
		stop()
		if !errors.Is(err, secret.ErrUnavailable) || asked.Load() != 0 {
			t.Errorf("%d: %v, and %d requests went elsewhere", status, err, asked.Load())
		}
	}
}

// agentInChild has this test's program be one that fetches from the agent at this URL
// and ends: a process reads the variables of its proxy once.
const agentInChild = "TEST_AGENT_IN_CHILD"

func TestMain(m *testing.M) {
	url := os.Getenv(agentInChild)
	if url == "" {
		os.Exit(m.Run())
	}
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}
	source, err := agent.New(agent.Config{URL: url})
	if err != nil {
		log.Fatal(err)
	}
	_, err = source.Fetch(context.Background(), secret.Ref{ID: "db"})
	fmt.Println(err)
}

func TestAProxyOfTheEnvironmentSeesNothing(t *testing.T) {
	a := newAgent(t)
	a.upstream.Seed(t, "db", "hunter2")
	proxy, asked := elsewhere(t)
	below := strings.Replace(a.URL, "127.0.0.1", "agent.localhost", 1) // which net/http would ask a proxy for
	for url, says := range map[string]string{a.URL: "<nil>", below: "<nil>", "https://agent.invalid": "can't be reached"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), agentInChild+"="+url, "AWS_TOKEN=token-1", "NO_PROXY=", "no_proxy=",
			"HTTP_PROXY="+proxy, "http_proxy="+proxy, "HTTPS_PROXY="+proxy, "https_proxy="+proxy)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), says) || asked.Load() != 0 {
			t.Errorf("%s: %v, %s; the proxy was asked %d times", url, err, out, asked.Load())
		}
	}
}

func TestAnAgentThatCantBeReached(t *testing.T) {
	a := newAgent(t)
	token := tokenFile(t, "token-1")
	a.Close()
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	stranger.StartTLS()
	defer stranger.Close()
	for url, says := range map[string]string{a.URL: "is it running?", stranger.URL: "is not known to be the agent"} {
		_, err := open(t, agent.Config{URL: url, TokenFile: token}).Fetch(t.Context(), secret.Ref{ID: "db"})
		if !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), url) || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v", err)
		}
	}
}

func TestOverHTTPOnlyThisMachineIsConnectedTo(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	for _, row := range []struct {
		url, host string
		ok        bool
	}{
		{"http://localhost", "127.0.0.1", true},
		{"http://localhost", "0.0.0.0", false}, // which leads here too, but not by name
		{"https://agent.internal", "0.0.0.0", true},
	} {
		base, err := url.Parse(row.url)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := agent.Dialer(base)(t.Context(), "tcp", net.JoinHostPort(row.host, port))
		if (err == nil) != row.ok {
			t.Errorf("%s, resolved to %s: %v", row.url, row.host, err)
		}
		if err == nil {
			conn.Close()
		}
	}
}
