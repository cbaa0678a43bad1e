package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/cache/sourcetest"
	"github.com/typedsecret/typedsecret/source/agent"
)

func tokenFile(t testing.TB, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "awssmatoken")
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, cfg agent.Config) *agent.Source {
	t.Helper()
	s, err := agent.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	a := newAgent(t)
	answer := func(status int, body string) func(testing.TB) func() {
		return func(testing.TB) func() {
			return a.failing(func(w http.ResponseWriter) {
				w.WriteHeader(status)
				io.WriteString(w, body)
			})
		}
	}
	said := func(code string) func(testing.TB) func() {
		return answer(400, fmt.Sprintf(`{"__type":%q,"message":"it says so"}`, code))
	}
	dropped := func(header string) func(testing.TB) func() {
		return func(testing.TB) func() {
			return a.failing(func(w http.ResponseWriter) {
				io.WriteString(w, header)
				http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			})
		}
	}
	sourcetest.Run(t, sourcetest.Harness{
		Source:    open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")}),
		Put:       func(t testing.TB, id, value string) { a.upstream.Seed(t, id, value) },
		PutBinary: func(t testing.TB, id string, value []byte) { a.upstream.SeedBinary(t, id, value) },
		Rotate: func(t testing.TB, id, value string) {
			a.upstream.Rotate(t, id, value)
			a.forget()
		},
		Remove: func(t testing.TB, id string) {
			in := &secretsmanager.DeleteSecretInput{SecretId: aws.String(id)}
			if _, err := a.client.DeleteSecret(context.Background(), in); err != nil {
				t.Fatal(err)
			}
			a.forget()
		},
		VersionIDs: true, Pinning: true, Stages: true,
		Failures: map[sourcetest.Failure]func(testing.TB) func(){
			sourcetest.Unavailable:   answer(500, `{"__type":"InternalFailure","message":""}`),
			sourcetest.Unreachable:   dropped(""),
			sourcetest.Throttled:     said("ThrottlingException"),
			sourcetest.Denied:        said("AccessDeniedException"),
			sourcetest.Undecryptable: said("DecryptionFailure"),
			sourcetest.Garbled:       answer(200, `{"SecretString":"Zq7!Xw9@Kv3#Jp5$Ym1%Ub8^Tn2&Rc6*","Name":"Zq7!Xw9@Kv3#Jp5$Ym1%Ub8^Tn2&Rc6*}`),
			sourcetest.CutOff:        dropped(`{"SecretString":"Zq7!Xw9@Kv3#Jp5$Ym`),
			sourcetest.Hanging: func(testing.TB) func() {
				stopped := make(chan struct{})
				stop := a.failing(func(http.ResponseWriter) { <-stopped })
				return func() { stop(); close(stopped) }
			},
		},
		Requests: func() int { return int(a.requests.Load()) },
	})
}

func TestWhatTheAgentItselfRefuses(t *testing.T) {
	a := newAgent(t)
	file := tokenFile(t, "token-1")
	source := open(t, agent.Config{URL: a.URL, TokenFile: file})
	for name, row := range map[string]struct {
		status int
		body   string
		want   error
		says   string
	}{
		"wrong token":             {403, "Bad Token", cache.ErrAccessDenied, file},
		"too many connections":    {429, "Connection limit exceeded", cache.ErrThrottled, "max_conn"},
		"forwarded":               {400, "Forwarded", cache.ErrInvalidRequest, "proxy"},
		"another server":          {404, "Not found", cache.ErrUnavailable, "no agent"},
		"Secrets Manager is away": {502, `{"__type":"ConnectionError","message":"Read Error"}`, cache.ErrUnavailable, "no answer from Secrets Manager"},
		"Secrets Manager hangs":   {504, `{"__type":"TimeoutError","message":"Timeout"}`, cache.ErrUnavailable, "no answer from Secrets Manager"},
		"not serving yet":         {503, "Serving not enabled.", cache.ErrUnavailable, "HTTP 503"},
		"a redirect":              {302, "", cache.ErrUnavailable, "HTTP 302"},
		"not a secret":            {200, `{"Name":"hunter2"}`, cache.ErrUnavailable, "neither"},
		"both kinds":              {200, `{"SecretString":"hunter2","SecretBinary":"aHVudGVyMg=="}`, cache.ErrUnavailable, "both"},
		"too large":               {200, strings.Repeat("hunter2", 100_000), cache.ErrUnavailable, "more than 524288 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			defer a.failing(func(w http.ResponseWriter) {
				w.Header().Set("Location", "http://169.254.169.254/")
				w.WriteHeader(row.status)
				io.WriteString(w, row.body)
			})()
			_, err := source.Fetch(t.Context(), cache.Ref{ID: "db"})
			if !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "hunter") {
				t.Errorf("got %v, want %v with %q", err, row.want, row.says)
			}
		})
	}
	_, err := source.Fetch(t.Context(), cache.Ref{ID: "no-such"})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok || !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("the service's error is out of reach: %v", err)
	}
	a.Close()
	if _, err := source.Fetch(t.Context(), cache.Ref{ID: "db"}); !errors.Is(err, cache.ErrUnavailable) || !strings.Contains(err.Error(), a.URL) {
		t.Errorf("no agent: %v", err)
	}
}

func TestTheTokenIsReadAnewAndNeverShown(t *testing.T) {
	a := newAgent(t)
	a.upstream.Seed(t, "db", "hunter2")
	file := tokenFile(t, "token-1")
	source := open(t, agent.Config{URL: a.URL, TokenFile: file})
	fetch := func() error {
		_, err := source.Fetch(t.Context(), cache.Ref{ID: "db"})
		if text := fmt.Sprintf("%v %+v %#v %s", err, err, source, source); strings.Contains(text, "token-") {
			t.Errorf("the token shows: %s", text)
		}
		return err
	}
	if err := fetch(); err != nil {
		t.Error(err)
	}
	a.setToken("token-2") // it was started again
	if err := fetch(); !errors.Is(err, cache.ErrAccessDenied) {
		t.Errorf("got %v", err)
	}
	for content, want := range map[string]error{"token-2": nil, "": cache.ErrAccessDenied, "token-\x00": cache.ErrAccessDenied} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := fetch(); !errors.Is(err, want) {
			t.Errorf("the file holds %q: %v", content, err)
		}
	}
	os.Remove(file)
	if err := fetch(); !errors.Is(err, cache.ErrAccessDenied) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestWhereTheTokenComesFromByDefault(t *testing.T) {
	a := newAgent(t)
	a.upstream.Seed(t, "db", "hunter2")
	for name, set := range map[string]func(t *testing.T){
		"a variable":  func(t *testing.T) { t.Setenv("AWS_TOKEN", "token-1") },
		"a file":      func(t *testing.T) { t.Setenv("AWS_TOKEN", "file://"+tokenFile(t, "token-1")) },
		"ECS and EKS": func(t *testing.T) { t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token-1") },
		"in AWS Lambda": func(t *testing.T) {
			t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
			t.Setenv("AWS_SESSION_TOKEN", "token-1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"AWS_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_LAMBDA_FUNCTION_NAME"} {
				t.Setenv(variable, "")
			}
			set(t)
			port := a.URL[strings.LastIndexByte(a.URL, ':')+1:]
			t.Setenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", port)
			if _, err := open(t, agent.Config{}).Fetch(t.Context(), cache.Ref{ID: "db"}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAForcedFetchGoesPastTheAgentsCache(t *testing.T) {
	for _, old := range []bool{false, true} {
		a := newAgent(t)
		a.old = old
		a.upstream.Seed(t, "db", "one")
		c, err := cache.New(open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")}), cache.Config{MinRefreshInterval: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if v, err := c.Get(t.Context(), cache.Ref{ID: "db"}); v.Payload.Reveal() != "one" || err != nil {
			t.Errorf("%q, %v", v.Payload.Reveal(), err)
		}
		a.upstream.Rotate(t, "db", "two")
		want, requests := "two", int64(3)
		if old {
			want, requests = "one", 4 // one of them refused
		}
		for range 2 {
			if v, err := c.Refresh(t.Context(), cache.Ref{ID: "db"}); v.Payload.Reveal() != want || err != nil {
				t.Errorf("old %v: %q, %v", old, v.Payload.Reveal(), err)
			}
		}
		if n := a.requests.Load(); n != requests {
			t.Errorf("old %v: %d requests, want %d", old, n, requests)
		}
	}
}

func TestNewRefusesAURLThatCanBeNoAgents(t *testing.T) {
	for url, ok := range map[string]bool{
		"": true, "http://localhost:2773": true, "http://127.0.0.1": true, "http://[::1]:80/": true, "https://agent.internal": true,
		"http://agent.internal": false, "http://10.0.0.1": false, "localhost:2773": false, "ftp://localhost": false, "http://": false,
		"http://user:pass@localhost": false, "http://localhost?x=y": false, "http://localhost.evil.com": false, "http://%zz": false,
	} {
		_, err := agent.New(agent.Config{URL: url})
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "pass@") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func ExampleNew() {
	source, err := agent.New(agent.Config{}) // localhost:2773, the token from /var/run/awssmatoken
	if err != nil {
		panic(err)
	}
	c, err := cache.New(source, cache.Config{})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	fmt.Println(source)
	// Output: agent:http://localhost:2773/secretsmanager/get
}
