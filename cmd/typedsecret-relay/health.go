package main

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// health knows when the queue and each target last answered. It is safe for concurrent use.
type health struct {
	bound time.Duration

	mu    sync.Mutex // guards the fields below
	names []string
	parts map[string]*part
}

// A part is the queue or a target.
type part struct {
	answered time.Time // when it last answered; at first, when the relay began

	// The first and the last failed try to publish since the last success; zero if there is none.
	// After a pause of more than twice the bound, failing begins anew. A target may answer pings
	// and refuse events.
	failing, failed time.Time
}

func newHealth(bound time.Duration) *health {
	return &health{bound: bound, parts: map[string]*part{}}
}

// expect adds the queue or a target, as if it had just answered.
func (h *health) expect(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names = append(h.names, name)
	h.parts[name] = &part{answered: time.Now()}
}

func (h *health) answered(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.parts[name].answered = time.Now()
}

// tried records how a try to publish ended.
func (h *health) tried(name string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, now := h.parts[name], time.Now()
	if err == nil {
		p.answered, p.failing, p.failed = now, time.Time{}, time.Time{}
		return
	}
	if now.Sub(p.failed) > 2*h.bound {
		p.failing = now
	}
	p.failed = now
}

// ServeHTTP answers 200 if each part is well, else 503.
func (h *health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	well, body := h.report()
	w.Header().Set("Cache-Control", "no-store")
	if !well {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	fmt.Fprint(w, body)
}

// report returns whether each part is well, and a line about each.
func (h *health) report() (well bool, body string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	well = true
	now := time.Now()
	for _, name := range h.names {
		p, wrong := h.parts[name], ""
		switch {
		case now.Sub(p.answered) > h.bound:
			wrong = ", which is too long"
		case now.Sub(p.failing) > h.bound && now.Sub(p.failed) <= 2*h.bound:
			wrong = ", but has taken no event since " + p.failing.UTC().Format(time.RFC3339)
		}
		well = well && wrong == ""
		body += fmt.Sprintf("%s: answered %v ago%s\n", name, now.Sub(p.answered).Round(time.Second), wrong)
	}
	return well, body
}
