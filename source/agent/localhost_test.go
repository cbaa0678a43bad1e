package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/agent"
)

// A pair is two users' servers on one port: the agent listens on 127.0.0.1 as the real
// one does, the impostor on [::1], and answers every request with a forged secret.
type pair struct {
	port     string
	agent    *httptest.Server
	impostor atomic.Int64 // connections to it
	redirect atomic.Bool  // the agent answers with a redirect to the impostor
}

func newPair(t *testing.T) *pair {
	t.Helper()
	six, four := listenOnBoth(t)
	_, port, _ := net.SplitHostPort(six.Addr().String())
	p := &pair{port: port}
	answer := func(w http.ResponseWriter, secret string) {
		fmt.Fprintf(w, `{"Name":"db","VersionId":"v1","SecretString":%q}`, secret)
	}
	serve := func(l net.Listener, handle http.HandlerFunc, connections *atomic.Int64) *httptest.Server {
		s := httptest.NewUnstartedServer(handle)
		s.Listener.Close()
		s.Listener = l
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		}
		s.Start()
		t.Cleanup(s.Close)
		return s
	}
	p.agent = serve(four, func(w http.ResponseWriter, r *http.Request) {
		if p.redirect.Load() {
			http.Redirect(w, r, "http://localhost:"+port+"/secretsmanager/get", http.StatusTemporaryRedirect)
			return
		}
		answer(w, "genuine")
	}, new(atomic.Int64))
	serve(six, func(w http.ResponseWriter, _ *http.Request) { answer(w, "forged") }, &p.impostor)
	return p
}

// listenOnBoth listens on one free port of [::1] and of 127.0.0.1.
func listenOnBoth(t *testing.T) (six, four net.Listener) {
	t.Helper()
	for range 10 {
		six, err := net.Listen("tcp6", "[::1]:0")
		if err != nil {
			t.Fatalf("this test needs the address ::1 on the loopback interface: %v", err)
		}
		_, port, _ := net.SplitHostPort(six.Addr().String())
		four, err := net.Listen("tcp4", "127.0.0.1:"+port)
		if err == nil {
			return six, four
		}
		six.Close() // another process has the port on 127.0.0.1
	}
	t.Fatal("no port is free on both [::1] and 127.0.0.1")
	return nil, nil
}

// traced returns a context that notes which names a fetch resolves, and which addresses
// it connects to: the hosts file of the machine decides whether localhost is ::1 first,
// so a test can't rely on that.
func traced(ctx context.Context) (_ context.Context, seen func() string) {
	var mu sync.Mutex
	var steps []string
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		steps = append(steps, fmt.Sprintf(format, args...))
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:     func(info httptrace.DNSStartInfo) { note("resolve %s", info.Host) },
		ConnectStart: func(_, address string) { note("connect %s", address) },
	})
	return ctx, func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(steps, ", ")
	}
}

func TestLocalhostIsTheAddressThatTheAgentListensOn(t *testing.T) {
	t.Setenv("AWS_TOKEN", "token-1")
	for name, url := range map[string]string{
		"the default":       "",
		"localhost":         "http://localhost:PORT",
		"with a path":       "http://localhost:PORT/",
		"in capitals":       "http://LOCALHOST:PORT",
		"absolute":          "http://localhost.:PORT",
		"below localhost":   "http://agent.localhost:PORT",
		"below, absolute":   "http://Agent.LocalHost.:PORT",
		"the address alone": "http://127.0.0.1:PORT",
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			t.Setenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", p.port)
			source := open(t, agent.Config{URL: strings.ReplaceAll(url, "PORT", p.port)})
			fetch := func() (string, error) {
				ctx, seen := traced(t.Context())
				v, err := source.Fetch(ctx, secret.Ref{ID: "db"})
				if want := "connect 127.0.0.1:" + p.port; seen() != want {
					t.Errorf("the fetch did %q, want %q", seen(), want)
				}
				if n := p.impostor.Load(); n != 0 {
					t.Errorf("%d connections to the listener on [::1]", n)
				}
				return v.Payload.Reveal(), err
			}
			if got, err := fetch(); got != "genuine" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			p.redirect.Store(true)
			if got, err := fetch(); got != "" || !errors.Is(err, secret.ErrUnavailable) {
				t.Errorf("redirected: %q, %v", got, err)
			}
			p.agent.Close()
			if got, err := fetch(); got != "" || !errors.Is(err, secret.ErrUnavailable) {
				t.Errorf("the agent is down: %q, %v", got, err)
			}
		})
	}
}

func TestAnAddressThatTheUserGivesIsTaken(t *testing.T) {
	p := newPair(t)
	source := open(t, agent.Config{URL: "http://[::1]:" + p.port, TokenFile: tokenFile(t, "token-1")})
	if v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); v.Payload.Reveal() != "forged" || err != nil {
		t.Errorf("got %q, %v", v.Payload.Reveal(), err)
	}
}

func TestLocalhostOverTLSIsTheSameAddress(t *testing.T) {
	six, four := listenOnBoth(t)
	for _, l := range []net.Listener{six, four} {
		t.Cleanup(func() { l.Close() })
	}
	greeted := make(chan string, 1)
	for name, l := range map[string]net.Listener{"127.0.0.1": four, "[::1]": six} {
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			defer conn.Close()
			hello := make([]byte, 1)
			if _, err := io.ReadFull(conn, hello); err == nil {
				greeted <- name
			}
		}()
	}
	_, port, _ := net.SplitHostPort(four.Addr().String())
	source := open(t, agent.Config{URL: "https://localhost:" + port, TokenFile: tokenFile(t, "token-1")})
	ctx, seen := traced(t.Context())
	if _, err := source.Fetch(ctx, secret.Ref{ID: "db"}); !errors.Is(err, secret.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if want := "connect 127.0.0.1:" + port; seen() != want {
		t.Errorf("the fetch did %q, want %q", seen(), want)
	}
	select {
	case name := <-greeted:
		if name != "127.0.0.1" {
			t.Errorf("the handshake went to %s", name)
		}
	default:
		t.Error("no handshake was begun")
	}
}
