package agent_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/source/agent"
	"github.com/typedsecret/typedsecret/source/sourcetest"
)

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

func TestNewRefusesAURLThatCanBeNoAgents(t *testing.T) {
	for url, ok := range map[string]bool{
		"": true, "http://localhost:2773": true, "http://127.0.0.1": true, "http://[::1]:80/": true, "https://agent.internal": true,
		"http://agent.internal": false, "http://10.0.0.1": false, "localhost:2773": false, "ftp://localhost": false, "http://": false,
		"http://user:pass@localhost": false, "http://localhost?x=y": false, "http://localhost.evil.com": false, "http://%zz": false,
		"http://localhost/?": false, "http://localhoſt": false, "http://notlocalhost": false, "http://.localhost": false, "http://localhost..": false, "http://localhost:99999": false, "http://localhost:0": false, "http://LOCALHOST:2773": true,
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
