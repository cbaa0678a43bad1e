package agent_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/secret"
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

func TestAnAgentStartedAgainDuringAFetchIsAskedWithItsNewToken(t *testing.T) {
	a := newAgent(t)
	a.upstream.Seed(t, "db", "hunter2")
	file := tokenFile(t, "token-1")
	source := open(t, agent.Config{URL: a.URL, TokenFile: file})
	restarts := 0
	var stop func()
	restart := func(w http.ResponseWriter) {
		stop()
		restarts++
		token := fmt.Sprint("token-", restarts+1)
		a.setToken(token)
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Error(err)
		}
		w.WriteHeader(403)
		io.WriteString(w, "Bad Token")
	}
	stop = a.failing(restart)
	if v, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); err != nil || v.Payload.Reveal() != "hunter2" {
		t.Errorf("restarted once: %v", err)
	}
	if n := a.requests.Load(); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
	stop = a.failing(func(w http.ResponseWriter) {
		restart(w)
		stop = a.failing(restart)
	})
	if _, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); !errors.Is(err, secret.ErrAccessDenied) {
		t.Errorf("restarted twice: %v", err)
	}
	if n := a.requests.Load(); n != 4 {
		t.Errorf("%d requests, want 4", n)
	}
}

func TestATokenThatIsRefusedAndTheSameIsNotSentAgain(t *testing.T) {
	a := newAgent(t)
	source := open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-9")})
	if _, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); !errors.Is(err, secret.ErrAccessDenied) {
		t.Errorf("got %v", err)
	}
	if n := a.requests.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestTheTokenIsReadAnewAndNeverShown(t *testing.T) {
	a := newAgent(t)
	a.upstream.Seed(t, "db", "hunter2")
	file := tokenFile(t, "token-1")
	source := open(t, agent.Config{URL: a.URL, TokenFile: file})
	fetch := func() error {
		_, err := source.Fetch(t.Context(), secret.Ref{ID: "db"})
		var logged strings.Builder
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("", "source", source, "error", err)
		text := fmt.Sprintf("%v %+v %#v %s %+v %#v %d", err, err, err, source, source, source, source)
		if text += logged.String(); strings.Contains(text, "token-") {
			t.Errorf("the token shows: %s", text)
		}
		return err
	}
	if err := fetch(); err != nil {
		t.Error(err)
	}
	a.setToken("token-2") // it was started again
	if err := fetch(); !errors.Is(err, secret.ErrAccessDenied) {
		t.Errorf("got %v", err)
	}
	for content, usable := range map[string]bool{"token-2": true, "": false, "\n": false, "token-\x00": false, "token-\n2": false} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		err := fetch()
		refused := errors.Is(err, secret.ErrAccessDenied) && strings.Contains(err.Error(), file+" holds no token")
		if usable && err != nil || !usable && !refused {
			t.Errorf("the file holds %q: %v", content, err)
		}
	}
	os.Remove(file)
	if err := fetch(); !errors.Is(err, secret.ErrAccessDenied) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestAnAnswerThatQuotesTheTokenDoesNotShowIt: in Lambda it is the session token.
func TestAnAnswerThatQuotesTheTokenDoesNotShowIt(t *testing.T) {
	a := newAgent(t)
	source := open(t, agent.Config{URL: a.URL, TokenFile: tokenFile(t, "token-1")})
	defer a.failing(func(w http.ResponseWriter) {
		w.WriteHeader(400)
		io.WriteString(w, `{"__type":"InvalidSignatureException","message":"The Canonical String has x-amz-security-token:token-1"}`)
	})()
	_, err := source.Fetch(t.Context(), secret.Ref{ID: "db"})
	if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "token-1") || !strings.Contains(text, "The Canonical String has") {
		t.Error(text)
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
			if _, err := open(t, agent.Config{}).Fetch(t.Context(), secret.Ref{ID: "db"}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAVariableThatHoldsNoTokenIsNamed(t *testing.T) {
	t.Setenv("AWS_TOKEN", "token-\n")
	_, err := open(t, agent.Config{}).Fetch(t.Context(), secret.Ref{ID: "db"})
	if !errors.Is(err, secret.ErrAccessDenied) || !strings.Contains(err.Error(), "the variable AWS_TOKEN") || strings.Contains(err.Error(), "token-") {
		t.Errorf("got %v", err)
	}
}

func TestATokenThatStandsInPlaceOfItsFileIsNotShown(t *testing.T) {
	t.Setenv("AWS_TOKEN", "file://token-1!x")
	_, err := open(t, agent.Config{}).Fetch(t.Context(), secret.Ref{ID: "db"})
	if !errors.Is(err, secret.ErrAccessDenied) || !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "token-1") {
		t.Errorf("got %v", err)
	}
}

func TestAPortThatIsNoneIsSaidWithItsVariable(t *testing.T) {
	for _, port := range []string{"abc", "0", "99999", "-1", "80/x", "80@hunter2"} {
		t.Setenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", port)
		_, err := agent.New(agent.Config{})
		if err == nil || !strings.Contains(err.Error(), "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT holds no port") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", port, err)
		}
	}
}

func TestATokenFileThatCanBeNoneIsRefused(t *testing.T) {
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<30); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{large: "has more than 65536 bytes", t.TempDir(): "no regular file"} {
		_, err := open(t, agent.Config{TokenFile: path}).Fetch(t.Context(), secret.Ref{ID: "db"})
		if !errors.Is(err, secret.ErrAccessDenied) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
