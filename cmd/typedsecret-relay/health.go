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
	answered time.Time // or when the relay began

	// Tries to publish that failed, none of which is older than twice the bound, and with no
	// success between; zero if there is none. A target may answer and refuse events.
	failing, failed time.Time
}

func newHealth(bound time.Duration) *health {
	return &health{bound: bound, parts: map[string]*part{}}
}

// expect has a part count.
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

// tried learns how a try to publish ended.
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
