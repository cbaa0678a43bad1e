package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secrettest"
)

const token, oldToken = "correct-horse-battery", "a-horse-that-was-correct"

func tokens(all ...string) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) { return all, nil }
}

func TestAPostWithATokenIsTaken(t *testing.T) {
	e := serve(t, notify.HandlerConfig{Tokens: tokens(oldToken, token)})
	own := serve(t, notify.HandlerConfig{Tokens: tokens(token), TokenHeader: "X-Api-Key"})
	for name, row := range map[string]struct {
		e             *endpoint
		header, value string
	}{
		"bearer":         {e, "Authorization", "Bearer " + token},
		"scheme in caps": {e, "Authorization", "BEARER " + token},
		"no scheme":      {e, "Authorization", token},
		"the old token":  {e, "Authorization", "Bearer " + oldToken},
		"own header":     {own, "X-Api-Key", token},
	} {
		resp := row.e.post(t, strings.NewReader(native), row.header, row.value)
		if diff := cmp.Diff([]notify.Event{current(notify.LabelMoved)}, row.e.events); diff != "" || resp.StatusCode != http.StatusNoContent {
			t.Errorf("%s: %s (-want +got):\n%s", name, resp.Status, diff)
		}
		row.e.said()
	}
}

func TestAPostIsRefusedWithTheStatusThatSaysWhy(t *testing.T) {
	e := serve(t, notify.HandlerConfig{Tokens: tokens(token), Topics: []string{topicARN}})
	only := serve(t, notify.HandlerConfig{Topics: []string{topicARN}})
	bare := serve(t, notify.HandlerConfig{Tokens: tokens(token)})
	short := serve(t, notify.HandlerConfig{Tokens: tokens(token, "hunter2")})
	none := serve(t, notify.HandlerConfig{Tokens: tokens()})
	failing := serve(t, notify.HandlerConfig{Tokens: func(context.Context) ([]string, error) { return nil, errors.New("outage") }})
	panicking := serve(t, notify.HandlerConfig{Tokens: func(context.Context) ([]string, error) { panic("hunter2") }})
	with := func(value string) []string { return []string{"Authorization", value} }
	for name, row := range map[string]struct {
		e      *endpoint
		body   string
		header []string
		status int
		says   string
	}{
		"no token":            {e, native, nil, 401, "a post bears no token in the header Authorization"},
		"another token":       {e, native, with("Bearer hunter2-hunter2-hunter2"), 401, "a post bears a wrong token in the header Authorization"},
		"a part of it":        {e, native, with(token[:20]), 401, "wrong token"},
		"more":                {e, native, with(token + " " + token), 401, "wrong token"},
		"another scheme":      {e, native, with("Basic " + token), 401, "wrong token"},
		"no event":            {e, `{"hunter2":1}`, with(token), 400, "notify: no event that is known: it has no key that an event has, and 1 more"},
		"too large":           {e, native + strings.Repeat(" ", notify.MaxSize), with(token), 413, "the body has more than 262144 bytes"},
		"SNS, too large":      {e, native + strings.Repeat(" ", notify.MaxSize), []string{"X-Amz-Sns-Message-Type", "Notification"}, 413, "the body has more than 262144 bytes"},
		"others than SNS":     {only, native, with(token), 403, "HandlerConfig.Tokens is nil"},
		"SNS, not asked for":  {bare, native, []string{"X-Amz-Sns-Message-Type", "Notification"}, 403, "HandlerConfig.Topics is empty"},
		"a short token":       {short, native, with("hunter2"), 503, "a token of HandlerConfig.Tokens has 7 bytes; it needs at least 16"},
		"no token to compare": {none, native, with(""), 503, "HandlerConfig.Tokens has returned no token"},
		"tokens fail":         {failing, native, with(token), 503, "there is no token to compare with: outage"},
		"tokens panic":        {panicking, native, with(token), 503, "panic in the HandlerConfig.Tokens: a string at"},
	} {
		t.Run(name, func(t *testing.T) {
			resp := row.e.post(t, strings.NewReader(row.body), row.header...)
			body, _ := io.ReadAll(resp.Body)
			events, said := len(row.e.events), row.e.said()
			if resp.StatusCode != row.status || events != 0 || !strings.Contains(said, row.says) {
				t.Errorf("status %d, %d events, %s; want %d, %s", resp.StatusCode, events, said, row.status, row.says)
			}
			if strings.Contains(said+string(body), "hunter") || strings.TrimSpace(string(body)) != http.StatusText(row.status) {
				t.Errorf("quoted: %s %s", said, body)
			}
			if challenge := resp.Header.Get("WWW-Authenticate"); (challenge != "") != (row.status == 401) {
				t.Errorf("WWW-Authenticate: %q", challenge)
			}
		})
	}
}

func TestOnlyPostsAreTaken(t *testing.T) {
	e := serve(t, notify.HandlerConfig{Tokens: tokens(token)})
	resp, err := http.Get(e.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "POST" {
		t.Errorf("%s, Allow: %s", resp.Status, resp.Header.Get("Allow"))
	}
}

// A sender gives a post up when its own time is over.
func TestABodyThatBreaksOffIsNoEvent(t *testing.T) {
	failed := make(chan error, 1)
	h, err := notify.NewHandler(notify.HandlerConfig{Tokens: tokens(token), OnError: func(err error) { failed <- err }},
		func(context.Context, notify.Event) error { t.Error("an event"); return nil })
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	defer server.Close()
	go server.Serve(listener)
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: %s\r\nContent-Length: 1000\r\n\r\n%s", token, native)
	conn.Close()
	if err := <-failed; !strings.Contains(err.Error(), "the body broke off") {
		t.Error(err)
	}
}

func TestWhatTheFunctionCanNotTakeIsSentAgain(t *testing.T) {
	e := serve(t, notify.HandlerConfig{Tokens: tokens(token)})
	e.fails = errors.New("shutting down")
	resp := e.post(t, strings.NewReader(native), "Authorization", token)
	if said := e.said(); resp.StatusCode != http.StatusServiceUnavailable || said != "notify: the event was not taken: shutting down" {
		t.Errorf("%s, %s", resp.Status, said)
	}
	var failed error
	h, err := notify.NewHandler(notify.HandlerConfig{Tokens: tokens(token), OnError: func(err error) { failed = err; panic("too") }},
		func(context.Context, notify.Event) error { panic("hunter2") })
	if err != nil {
		t.Fatal(err)
	}
	w := answer(t, h, native)
	if w != http.StatusInternalServerError || !errors.Is(failed, guard.ErrPanic) || strings.Contains(failed.Error(), "hunter2") {
		t.Errorf("status %d, %v", w, failed)
	}
}

func TestAHandlerThatCanTakeNothingIsRefused(t *testing.T) {
	take := func(context.Context, notify.Event) error { return nil }
	for want, row := range map[string]struct {
		cfg    notify.HandlerConfig
		handle func(context.Context, notify.Event) error
	}{
		"notify: the function that takes the events is nil":                                                                       {notify.HandlerConfig{Tokens: tokens(token)}, nil},
		"notify: nobody may post events; set HandlerConfig.Topics for SNS, or Tokens for others":                                  {notify.HandlerConfig{}, take},
		`notify: "rotations" in HandlerConfig.Topics is no topic; one is like arn:aws:sns:eu-west-1:123456789012:rotations`:       {notify.HandlerConfig{Topics: []string{"rotations"}}, take},
		`notify: "` + fullARN + `" in HandlerConfig.Topics is no topic; one is like arn:aws:sns:eu-west-1:123456789012:rotations`: {notify.HandlerConfig{Topics: []string{fullARN}}, take},
		"notify: the topic arn:aws-x:sns:a:1:t is in no region of AWS that is known":                                              {notify.HandlerConfig{Topics: []string{"arn:aws-x:sns:a:1:t"}}, take},
		"notify: the topic arn:aws:sns:evil.com/:1:t is in no region of AWS that is known":                                        {notify.HandlerConfig{Topics: []string{"arn:aws:sns:evil.com/:1:t"}}, take},
	} {
		if h, err := notify.NewHandler(row.cfg, row.handle); h != nil || err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// TestTheFakesEventsAreTaken posts what secrettest emits, by both ways.
func TestTheFakesEventsAreTaken(t *testing.T) {
	sns := startSNS(t)
	e := serve(t, notify.HandlerConfig{Topics: []string{topicARN}, Tokens: tokens(token), Client: sns.client})
	manager := secrettest.New(t)
	posted := make(chan int)
	manager.OnEvent(func(_ context.Context, event secrettest.Event) error {
		body, err := json.Marshal(event)
		if err != nil {
			t.Error(err)
		}
		posted <- e.post(t, bytes.NewReader(body), "Authorization", token).StatusCode
		posted <- e.sns(t, notification(string(body), 0).signed("2", snsKey())).StatusCode
		return nil
	})
	arn := manager.Seed(t, "prod/db", "one")
	if first, second := <-posted, <-posted; first != http.StatusNoContent || second != first {
		t.Fatalf("status %d, %d: %s", first, second, e.said())
	}
	for _, got := range e.events {
		if got.Kind != notify.LabelMoved || got.Name != "prod/db" || got.ARN != arn || got.Time.IsZero() || got.VersionID == "" {
			t.Errorf("event %+v", got)
		}
	}
	if len(e.events) != 2 {
		t.Errorf("%d events", len(e.events))
	}
}
