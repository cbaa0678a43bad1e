package main

import (
	"errors"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// ask returns the answer of /healthz.
func ask(h *health) (status int, body string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
	return w.Code, w.Body.String()
}

func TestHealthSaysWhichPartIsNotWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHealth(time.Minute)
		h.expect("queue")
		h.expect("redis")
		want := func(when string, status int, body string) {
			t.Helper()
			if gotStatus, gotBody := ask(h); gotStatus != status || gotBody != body {
				t.Errorf("%s: %d\n%swant %d\n%s", when, gotStatus, gotBody, status, body)
			}
		}
		want("at first", 200, "queue: answered 0s ago\nredis: answered 0s ago\n")
		time.Sleep(time.Minute)
		h.answered("redis")
		want("at the bound", 200, "queue: answered 1m0s ago\nredis: answered 0s ago\n")
		time.Sleep(time.Second)
		want("the queue is silent", 503, "queue: answered 1m1s ago, which is too long\nredis: answered 1s ago\n")
		h.answered("queue")
		want("it answers again", 200, "queue: answered 0s ago\nredis: answered 1s ago\n")
		time.Sleep(time.Hour)
		h.answered("queue")
		want("redis is silent", 503, "queue: answered 0s ago\nredis: answered 1h0m1s ago, which is too long\n")
		h.tried("redis", nil)
		want("a publish is an answer", 200, "queue: answered 0s ago\nredis: answered 0s ago\n")
	})
}

// A target may answer pings and refuse all events.
func TestATargetThatRefusesEventsIsNotWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHealth(time.Minute)
		h.expect("redis")
		fail := func(pause time.Duration) int {
			time.Sleep(pause)
			h.answered("redis")
			h.tried("redis", errors.New("NOPERM"))
			status, _ := ask(h)
			return status
		}
		if status := fail(0); status != 200 {
			t.Errorf("the first failure: %d", status)
		}
		if status := fail(time.Minute); status != 200 {
			t.Errorf("after a minute: %d", status)
		}
		if status := fail(time.Minute); status != 503 {
			t.Errorf("after two: %d", status)
		}
		_, body := ask(h)
		if want := "redis: answered 0s ago, but has taken no event since 2000-01-01T00:00:00Z\n"; body != want {
			t.Errorf("%q, want %q", body, want)
		}
		h.tried("redis", nil)
		if status, body := ask(h); status != 200 {
			t.Errorf("a success: %d %s", status, body)
		}
		// A failure of long ago, whose event another relay has published, says nothing.
		fail(0)
		time.Sleep(time.Hour)
		h.answered("redis")
		if status, body := ask(h); status != 200 {
			t.Errorf("one failure, an hour ago: %d %s", status, body)
		}
		if status := fail(0); status != 200 {
			t.Errorf("the next failure: %d", status)
		}
	})
}
