package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/typedsecret/typedsecret/secrettest"
)

// A fakeAgent answers as the real one does (server.rs, parse.rs and cache_manager.rs of
// github.com/aws/aws-workload-credentials-provider), over a fake Secrets Manager. It keeps what it
// got, for ever, until it is asked with refreshNow.
type fakeAgent struct {
	*httptest.Server
	upstream *secrettest.Server
	client   *secretsmanager.Client
	requests atomic.Int64
	old      bool // it does not know refreshNow

	mu    sync.Mutex // guards what follows
	token string
	kept  map[string][]byte
	fail  func(http.ResponseWriter) // in place of an answer
}

func newAgent(t testing.TB) *fakeAgent {
	upstream := secrettest.New(t)
	a := &fakeAgent{upstream: upstream, token: "token-1", kept: map[string][]byte{}}
	a.client = secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(upstream.URL()), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "key"}, nil
		}),
	})
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *fakeAgent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.requests.Add(1)
	a.mu.Lock()
	token, fail := a.token, a.fail
	a.mu.Unlock()
	if fail != nil {
		fail(w)
		return
	}
	say := func(status int, text string) {
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
	switch {
	case r.Header.Get("X-Forwarded-For") != "":
		say(400, "Forwarded")
	case r.Header.Get("X-Aws-Parameters-Secrets-Token") != token:
		say(403, "Bad Token")
	case r.Method != http.MethodGet:
		say(405, "Not allowed")
	case r.URL.Path != "/secretsmanager/get":
		say(404, "Not found")
	default:
		status, body := a.answer(r)
		say(status, string(body))
	}
}

func (a *fakeAgent) answer(r *http.Request) (int, []byte) {
	in := &secretsmanager.GetSecretValueInput{}
	refresh := false
	for name, values := range r.URL.Query() {
		switch {
		case name == "secretId":
			in.SecretId = &values[0]
		case name == "versionId":
			in.VersionId = &values[0]
		case name == "versionStage":
			in.VersionStage = &values[0]
		case name == "refreshNow" && !a.old:
			refresh = values[0] == "true"
		default:
			return 400, []byte("unknown parameter: " + name)
		}
	}
	key := fmt.Sprint(r.URL.Query()["secretId"], r.URL.Query()["versionId"], r.URL.Query()["versionStage"])
	a.mu.Lock()
	defer a.mu.Unlock()
	if body, ok := a.kept[key]; ok && !refresh {
		return 200, body
	}
	out, err := a.client.GetSecretValue(r.Context(), in)
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return 400, fmt.Appendf(nil, `{"__type":%q,"message":%q}`, api.ErrorCode(), api.ErrorMessage())
	} else if err != nil {
		return 502, []byte(`{"__type":"ConnectionError","message":"Read Error"}`)
	}
	body, err := json.Marshal(struct {
		ARN, Name, VersionId *string
		SecretString         *string `json:",omitempty"`
		SecretBinary         []byte  `json:",omitempty"`
		VersionStages        []string
		CreatedDate          string
	}{
		out.ARN, out.Name, out.VersionId, out.SecretString, out.SecretBinary, out.VersionStages,
		fmt.Sprintf("%.3f", float64(out.CreatedDate.UnixMilli())/1000),
	})
	if err != nil {
		return 500, []byte(`{"__type":"InternalFailure","message":""}`)
	}
	a.kept[key] = body
	return 200, body
}

// forget empties the agent's cache.
func (a *fakeAgent) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.kept)
}

// failing has the agent answer so until stop is called.
func (a *fakeAgent) failing(fail func(http.ResponseWriter)) (stop func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fail = fail
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.fail = nil
	}
}

func (a *fakeAgent) setToken(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token = token
}
