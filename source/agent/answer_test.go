package agent_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/agent"
)

// fetchAnswered fetches from an agent that gives one answer to everything.
func fetchAnswered(t *testing.T, a *fakeAgent, source *agent.Source, status int, body string) (secret.Value, error) {
	t.Helper()
	defer a.failing(func(w http.ResponseWriter) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	})()
	return source.Fetch(t.Context(), secret.Ref{ID: "db"})
}

func TestAnswersOfTheAgentAndOfTheExtension(t *testing.T) {
	a := newAgent(t)
	source := open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")})
	want := func(p secret.Payload, created time.Time) secret.Value {
		return secret.Value{Payload: p, ARN: "arn:db", Name: "db", VersionID: "v1", Stages: []string{"AWSCURRENT"}, Created: created}
	}
	text, at := secret.StringPayload("hunter2"), time.Date(2022, 11, 16, 8, 22, 40, 499e6, time.UTC)
	const head = `{"ARN":"arn:db","Name":"db","VersionId":"v1","VersionStages":["AWSCURRENT"],`
	pair := secret.StringPayload("\\ud800 \\ \U0001F600")
	for name, row := range map[string]struct {
		body string
		want secret.Value
	}{
		"the agent's":           {head + `"SecretString":"hunter2","CreatedDate":"1668586960.499"}`, want(text, at)},
		"the agent's, binary":   {head + `"SecretBinary":"AP8=","CreatedDate":"1668586960.499"}`, want(secret.BinaryPayload([]byte{0, 255}), at)},
		"the service's":         {head + `"SecretString":"hunter2","CreatedDate":1668586960.499}`, want(text, at)},
		"a full second":         {head + `"SecretString":"hunter2","CreatedDate":"1668586960"}`, want(text, at.Truncate(time.Second))},
		"the extension's":       {head + `"SecretString":"hunter2","SecretBinary":null,"CreatedDate":"2022-11-16T08:22:40.499Z","ResultMetadata":{}}`, want(text, at)},
		"the extension's, late": {head + `"SecretString":"hunter2","CreatedDate":"2022-11-16T09:22:40.4990004+01:00"}`, want(text, at)},
		"its binary":            {head + `"SecretString":null,"SecretBinary":"AP8=","CreatedDate":"2022-11-16T08:22:40.499Z"}`, want(secret.BinaryPayload([]byte{0, 255}), at)},
		"a whole pair":          {head + `"SecretString":"\\ud800 \\ \uD83d\ude00","CreatedDate":"1668586960.499"}`, want(pair, at)},
		"no date":               {head + `"SecretString":"hunter2","CreatedDate":null}`, want(text, time.Time{})},
		"a date that is none":   {head + `"SecretString":"hunter2","CreatedDate":{"a":[1]}}`, want(text, time.Time{})},
		"a date beyond all":     {head + `"SecretString":"hunter2","CreatedDate":"1e300"}`, want(text, time.Time{})},
		"not a number":          {head + `"SecretString":"hunter2","CreatedDate":"NaN"}`, want(text, time.Time{})},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := fetchAnswered(t, a, source, 200, row.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !got.Created.Equal(row.want.Created) || !row.want.Created.IsZero() && got.Created.Location() != time.UTC {
				t.Errorf("created %v, want %v", got.Created, row.want.Created)
			}
		})
	}
}

func TestTheLargestSecretFits(t *testing.T) {
	a := newAgent(t)
	largest := strings.Repeat("\x01", 65_536) // each is \u0001 in JSON
	a.upstream.Seed(t, "db", largest)
	v, err := open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")}).Fetch(t.Context(), secret.Ref{ID: "db"})
	if err != nil || v.Payload.Reveal() != largest {
		t.Errorf("%d bytes, %v", len(v.Payload.Reveal()), err)
	}
}

func TestHostileAnswersAreErrorsThatShowNothing(t *testing.T) {
	a := newAgent(t)
	source := open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")})
	for name, body := range map[string]string{
		"not a secret":      `{"Name":"hunter2"}`,
		"both kinds":        `{"SecretString":"hunter2","SecretBinary":"aHVudGVyMg=="}`,
		"nothing":           "",
		"null":              "null",
		"a list":            `["hunter2"]`,
		"a number":          `{"SecretString":42,"Name":"hunter2"}`,
		"not base64":        `{"SecretBinary":"hunter2?"}`,
		"not UTF-8":         "{\"SecretString\":\"hunter2\xff\"}",
		"half a pair":       `{"SecretString":"hunter2\udc00"}`,
		"two first halves":  `{"SecretString":"hunter2\ud83d\ud83d"}`,
		"cut off":           `{"SecretString":"hunter2`,
		"two of them":       `{"SecretString":"hunter2"}{"SecretString":"hunter3"}`,
		"the healthy agent": "healthy",
		"HTML":              "<html>hunter2</html>",
		"deep":              `{"SecretString":` + strings.Repeat("[", 100_000) + `"hunter2"`,
	} {
		t.Run(name, func(t *testing.T) {
			v, err := fetchAnswered(t, a, source, 200, body)
			if !errors.Is(err, secret.ErrUnavailable) || v.Payload.Reveal() != "" {
				t.Errorf("got %d bytes, %v", len(v.Payload.Reveal()), err)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if strings.Contains(e.Error(), "hunter") || len(e.Error()) > 300 {
					t.Errorf("the answer shows: %.300s", e)
				}
			}
		})
	}
}

func TestWhatIsNoErrorOfTheServiceIsNotShown(t *testing.T) {
	a := newAgent(t)
	source := open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")})
	for _, status := range []int{206, 400, 401, 403, 404, 429, 500, 502} {
		for _, body := range []string{`{"ARN":"a","SecretString":"hunter2", "message":"cut off`, `{"SecretString":"hunter2"}`, "hunter2"} {
			if _, err := fetchAnswered(t, a, source, status, body); err == nil || strings.Contains(err.Error(), "hunter") {
				t.Errorf("HTTP %d with %s: %v", status, body, err)
			}
		}
	}
}

func TestAnAnswerWithoutEndIsNotReadToIt(t *testing.T) {
	a := newAgent(t)
	source := open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")})
	const most = 64 << 20
	written := make(chan int, 1)
	defer a.failing(func(w http.ResponseWriter) {
		n := 0
		for err := error(nil); err == nil && n < most; n += 1 << 10 {
			_, err = io.WriteString(w, strings.Repeat("hunter2 ", 128))
		}
		written <- n
	})()
	_, err := source.Fetch(t.Context(), secret.Ref{ID: "db"})
	if !errors.Is(err, secret.ErrUnavailable) || !strings.Contains(err.Error(), "more than 524288 bytes") {
		t.Fatalf("got %v", err)
	}
	if n := <-written; n >= most {
		t.Errorf("all %d bytes were read", n)
	}
}

func TestWhatTheAgentRefuses(t *testing.T) {
	a := newAgent(t)
	file := tokenFile(t, "token-1")
	source := open(t, agent.Config{URL: a.URL, TokenFile: file})
	for name, row := range map[string]struct {
		status int
		body   string
		want   error
		says   string
	}{
		"wrong token":             {403, "Bad Token", secret.ErrAccessDenied, file},
		"no token":                {401, "hunter2", secret.ErrAccessDenied, file},
		"too many connections":    {429, "Connection limit exceeded", secret.ErrThrottled, "max_conn"},
		"forwarded":               {400, "Forwarded", secret.ErrInvalidRequest, "proxy"},
		"unknown parameter":       {400, "unknown parameter: versionStage", secret.ErrInvalidRequest, "does not understand"},
		"another server":          {404, "Not found", secret.ErrUnavailable, "no agent"},
		"Secrets Manager is away": {502, `{"__type":"ConnectionError","message":"Read Error"}`, secret.ErrUnavailable, "no answer from Secrets Manager"},
		"Secrets Manager hangs":   {504, `{"__type":"TimeoutError","message":"Timeout"}`, secret.ErrUnavailable, "no answer from Secrets Manager"},
		"it can't say why":        {400, `{"__type":"InternalFailure"}`, secret.ErrUnavailable, "no answer from Secrets Manager"},
		"a code not known yet":    {400, `{"__type":"NewException","message":"m"}`, secret.ErrInvalidRequest, "NewException"},
		"a failure not known yet": {500, `{"__type":"NewException","message":"m"}`, secret.ErrUnavailable, "NewException"},
		"a message not escaped":   {400, `{"__type":"AccessDeniedException", "message":"of "x" by [\w]"}`, secret.ErrAccessDenied, `of "x" by [\w]`},
		"half a message":          {400, `{"__type":"AccessDeniedException", "mess`, secret.ErrUnavailable, "HTTP 400"},
		"Lambda's init":           {400, "not ready to serve traffic, please wait", secret.ErrUnavailable, "not ready yet"},
		"the extension":           {400, "an unexpected error occurred while executing request", secret.ErrUnavailable, "does not exist"},
		"not serving yet":         {503, "Serving not enabled.", secret.ErrUnavailable, "HTTP 503"},
		"a redirect":              {302, "", secret.ErrUnavailable, "HTTP 302"},
		"no content":              {204, "", secret.ErrUnavailable, "HTTP 204"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fetchAnswered(t, a, source, row.status, row.body)
			if !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "hunter") {
				t.Errorf("got %v, want %v with %q", err, row.want, row.says)
			}
		})
	}
	_, err := source.Fetch(t.Context(), secret.Ref{ID: "no-such"})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok || !errors.Is(err, secret.ErrNotFound) {
		t.Errorf("the service's error is out of reach: %v", err)
	}
}
