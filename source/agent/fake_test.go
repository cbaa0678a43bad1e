package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/typedsecret/typedsecret/secrettest"
)

// A fakeAgent answers as the real one does (server.rs, parse.rs and cache_manager.rs of
// github.com/aws/aws-workload-credentials-provider, lib.rs of its aws_secretsmanager_caching),
// over a fake Secrets Manager. TestTheFakeIsLikeTheAgent compares the two.
type fakeAgent struct {
	*httptest.Server
	upstream *secrettest.Server
	client   *secretsmanager.Client
	requests atomic.Int64
	present  atomic.Int64 // requests under way
	maxConn  int64
	header   string // of the token
	// It does not know all parameters: before its version 1.1.0 refreshNow, before 2.1.0 roleArn.
	lacks []string
	roles []string // that it may assume

	mu    sync.Mutex // guards what follows; not held while it asks
	token string
	kept  map[string]*entry
	age   int                       // of the cache, in TTLs
	fail  func(http.ResponseWriter) // in place of an answer
}

// An entry is what the agent's cache has for one key.
type entry struct {
	out *secretsmanager.GetSecretValueOutput
	age int
}

func newAgent(t testing.TB) *fakeAgent {
	upstream := secrettest.New(t)
	a := &fakeAgent{
		upstream: upstream, token: "token-1", kept: map[string]*entry{}, maxConn: 800, header: "X-Aws-Parameters-Secrets-Token",
		client: upstreamClient(upstream),
	}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

// upstreamClient asks three times, as the AWS SDK for Rust does.
func upstreamClient(upstream *secrettest.Server) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(upstream.URL()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "key"}, nil
		}),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = 3
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}),
	})
}

func (a *fakeAgent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.requests.Add(1)
	most := a.maxConn
	if r.URL.Path == "/ping" {
		most += 2
	}
	isFull := a.present.Add(1) > most
	defer a.present.Add(-1)
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
	switch isPing := r.URL.Path == "/ping"; {
	case isFull:
		say(429, "Connection limit exceeded")
	case !isPing && r.Header.Get("X-Forwarded-For") != "":
		say(400, "Forwarded")
	case !isPing && r.Header.Get(a.header) != token:
		say(403, "Bad Token")
	case r.Method != http.MethodGet:
		say(405, "Not allowed")
	case isPing:
		say(200, "healthy")
	case r.URL.Path != "/secretsmanager/get":
		say(404, "Not found")
	default:
		say(a.answer(r))
	}
}

// A query is that of a request.
type query struct {
	in      secretsmanager.GetSecretValueInput
	refresh bool
	role    string
}

// key is that in the agent's cache: each role has a cache of its own.
func (q *query) key() string {
	return fmt.Sprintf("%q %q %q %q", q.role, *q.in.SecretId, aws.ToString(q.in.VersionId), aws.ToString(q.in.VersionStage))
}

var isRole = regexp.MustCompile(`^arn:[\w-]+:iam::\d{12}:role/[\w+=,.@/-]+$`)

// parse takes a query apart, or says what is wrong with it.
func (a *fakeAgent) parse(r *http.Request) (q query, wrong string) {
	for _, pair := range strings.Split(r.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		value, _ = url.QueryUnescape(value)
		for _, unknown := range a.lacks {
			if name == unknown {
				return q, "unknown parameter: " + name
			}
		}
		switch name {
		case "secretId":
			q.in.SecretId = &value
		case "versionId":
			q.in.VersionId = &value
		case "versionStage":
			q.in.VersionStage = &value
		case "refreshNow":
			switch strings.ToLower(value) {
			case "true", "1":
				q.refresh = true
			case "false", "0":
				q.refresh = false
			default:
				return q, "invalid refreshNow value"
			}
		case "roleArn":
			q.role = value
		default:
			return q, "unknown parameter: " + name
		}
	}
	switch {
	case aws.ToString(q.in.SecretId) == "":
		return q, "missing parameter secretId"
	case q.role != "" && !isRole.MatchString(q.role):
		return q, "invalid roleArn format, expected arn:<partition>:iam::<account>:role/<name>"
	}
	return q, ""
}

func (a *fakeAgent) answer(r *http.Request) (status int, body string) {
	q, wrong := a.parse(r)
	if wrong != "" {
		return 400, wrong
	}
	if q.role != "" && !strings.Contains(strings.Join(a.roles, " "), q.role) {
		return 403, errorBody("AccessDeniedException", "Failed to create caching client from role: "+q.role)
	}
	out, err := a.value(r.Context(), &q)
	if err != nil {
		return upstreamError(err)
	}
	text, err := json.Marshal(struct {
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
		return 500, errorBody("InternalFailure", "")
	}
	return 200, string(text)
}

// value is get_secret_value and refresh_secret_value of the agent's cache. After the TTL it asks
// DescribeSecret, and reads the secret if the version is not the stage's any more.
func (a *fakeAgent) value(ctx context.Context, q *query) (*secretsmanager.GetSecretValueOutput, error) {
	a.mu.Lock()
	kept, age := a.kept[q.key()], a.age
	a.mu.Unlock()
	if q.refresh {
		kept = nil
	}
	if kept != nil {
		if kept.age == age {
			return kept.out, nil
		}
		isCurrent, err := a.isCurrent(ctx, q, kept.out)
		if err != nil {
			return nil, err
		}
		if isCurrent {
			a.keep(q, kept.out)
			return kept.out, nil
		}
	}
	out, err := a.client.GetSecretValue(ctx, &q.in)
	switch {
	case isTransient(err) && kept != nil:
		out = kept.out
	case err != nil:
		return nil, err
	}
	a.keep(q, out)
	return out, nil
}

func (a *fakeAgent) keep(q *query, out *secretsmanager.GetSecretValueOutput) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kept[q.key()] = &entry{out, a.age}
}

// isCurrent is is_current of the agent's cache.
func (a *fakeAgent) isCurrent(ctx context.Context, q *query, kept *secretsmanager.GetSecretValueOutput) (bool, error) {
	about, err := a.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: kept.ARN})
	if isTransient(err) {
		return true, nil // ignore_transient_errors, by default
	}
	if err != nil {
		return false, err
	}
	version, stage := aws.ToString(q.in.VersionId), aws.ToString(q.in.VersionStage)
	if version != "" && stage == "" {
		_, isThere := about.VersionIdsToStages[version]
		return isThere, nil
	}
	if version == "" {
		version = aws.ToString(kept.VersionId)
	}
	if stage == "" {
		stage = "AWSCURRENT"
	}
	for _, one := range about.VersionIdsToStages[version] {
		if one == stage {
			return true, nil
		}
	}
	return false, nil
}

// isTransient is is_transient_error of the agent's cache. A connection that breaks is none.
func isTransient(err error) bool { return isUnreachable(err) || statusOf(err) >= 500 }

func isUnreachable(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

func statusOf(err error) int {
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}

// upstreamError is svc_err of the agent: Secrets Manager's status with its code and message.
func upstreamError(err error) (status int, body string) {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		if api.ErrorMessage() == "" || api.ErrorMessage() == "UnknownError" {
			return 500, errorBody("InternalFailure", "")
		}
		return statusOf(err), errorBody(api.ErrorCode(), api.ErrorMessage())
	}
	if isUnreachable(err) {
		return 502, errorBody("ConnectionError", "Read Error")
	}
	return 500, errorBody("InternalFailure", "")
}

// errorBody is err_response of the agent.
func errorBody(code, message string) string {
	if message == "" || code == "InternalFailure" {
		return `{"__type":"InternalFailure"}`
	}
	return fmt.Sprintf(`{"__type":%q,"message":%q}`, code, message)
}

// expire lets the agent's TTL pass for all that it has.
func (a *fakeAgent) expire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.age++
}

// prefetch fills the agent's cache as its setting prefetch does: under the name, and without a
// stage.
func (a *fakeAgent) prefetch(t testing.TB, names ...string) {
	t.Helper()
	out, err := a.client.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: names})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range out.SecretValues {
		a.keep(&query{in: secretsmanager.GetSecretValueInput{SecretId: v.Name}}, &secretsmanager.GetSecretValueOutput{
			ARN: v.ARN, Name: v.Name, VersionId: v.VersionId, SecretString: v.SecretString, SecretBinary: v.SecretBinary,
			VersionStages: v.VersionStages, CreatedDate: v.CreatedDate,
		})
	}
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
