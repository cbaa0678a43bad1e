package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/secrettest"
)

// TestMain runs the function itself in a process that a test has started.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// An answer is how an invocation ended, or the process.
type answer struct{ kind, text string }

// An environment is an execution environment of Lambda: a process of the function, and the runtime
// API that it asks for events.
type environment struct {
	t       *testing.T
	manager *secrettest.Server
	key     atomic.Value // that the partner accepts
	events  chan string
	answers chan answer
}

const runtimePath = "/2018-06-01/runtime/"

// start starts an environment. The secret exists if it has a key.
func start(t *testing.T, key string) *environment {
	t.Helper()
	e := &environment{t: t, manager: secrettest.New(t), events: make(chan string), answers: make(chan answer, 1)}
	e.key.Store(key)
	if key != "" {
		e.manager.Seed(t, "prod/partner/api-key", key)
	}
	partner := httptest.NewServer(http.HandlerFunc(e.partner))
	t.Cleanup(partner.Close)
	runtime := httptest.NewServer(http.HandlerFunc(e.runtime))
	t.Cleanup(runtime.CloseClientConnections)

	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), e.manager.Env()...)
	cmd.Env = append(cmd.Env, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(runtime.URL, "http://"),
		"AWS_LAMBDA_FUNCTION_NAME=forward", "PREFIX=prod/", "PARTNER="+partner.URL)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := cmd.Wait()
		select {
		case e.answers <- answer{"ended", fmt.Sprint(err, "\n", log.String())}:
		default:
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return e
}

func (e *environment) partner(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+e.key.Load().(string) {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	event, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "got %s", event)
}

// runtime answers as Lambda's runtime API does.
func (e *environment) runtime(w http.ResponseWriter, r *http.Request) {
	call := strings.TrimPrefix(r.URL.Path, runtimePath)
	if call == "invocation/next" {
		select {
		case event := <-e.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:forward")
			fmt.Fprint(w, event)
		case <-r.Context().Done():
		}
		return
	}
	text, _ := io.ReadAll(r.Body)
	w.WriteHeader(http.StatusAccepted)
	e.answers <- answer{call[strings.LastIndex(call, "/")+1:], string(text)}
}

// invoke invokes the function, and checks what it answers.
func (e *environment) invoke(event string, want answer) {
	e.t.Helper()
	select {
	case e.events <- event:
	case ended := <-e.answers:
		e.t.Fatalf("before the event: %s", ended.text)
	}
	if got := <-e.answers; got != want {
		e.t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWarmInvocationsAskForNothing(t *testing.T) {
	t.Parallel()
	e := start(t, "first key")
	for i := range 20 {
		e.invoke(fmt.Sprint(i), answer{"response", fmt.Sprintf(`"got %d"`, i)})
	}
	if n := e.manager.Calls("GetSecretValue", "BatchGetSecretValue"); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestARotationCostsNoInvocation: the partner refuses the old key, and the function gets the new one.
func TestARotationCostsNoInvocation(t *testing.T) {
	t.Parallel()
	e := start(t, "first key")
	e.invoke("1", answer{"response", `"got 1"`})
	e.key.Store("second key")
	e.manager.Rotate(t, "prod/partner/api-key", "second key")
	e.invoke("2", answer{"response", `"got 2"`})
}

func TestAnOutageCostsNoInvocation(t *testing.T) {
	t.Parallel()
	e := start(t, "first key")
	e.invoke("1", answer{"response", `"got 1"`})
	e.manager.Fail(t, secrettest.Fault{Effect: secrettest.Hang()})
	e.invoke("2", answer{"response", `"got 2"`})
}

// TestAMissingSecretFailsTheInitPhase and its log says which one.
func TestAMissingSecretFailsTheInitPhase(t *testing.T) {
	t.Parallel()
	got := <-start(t, "").answers
	if got.kind != "ended" || !strings.Contains(got.text, "exit status 1") || !strings.Contains(got.text, "prod/partner/api-key@AWSCURRENT: secret not found") {
		t.Errorf("%+v", got)
	}
}
