package statuspage

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/typedsecret/typedsecret/status"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// policy lets the page have its own style sheet, its icon and its forms, and nothing else: no
// script, from here or elsewhere, and nothing of another origin.
var policy = func() string {
	sum := sha256.Sum256([]byte(pageCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"ago": ago, "count": count, "describe": describe, "lasting": lasting, "kinds": func() []kind { return kinds }, "said": func(k kind) string { return said[k] },
	"short": short, "span": span, "state": func(s status.State) string { return meaning[s] }, "states": func() []status.State { return states },
	"timeline": timeline, "until": until,
}).Parse(pageHTML))

// kinds are all kinds of events, as the legend has them.
var kinds = []kind{fetched, rotated, failed, servedStale, undecodable, rejected}

// meaning is what each state means for a reader.
var meaning = map[status.State]string{
	status.Fresh:   "The value is younger than its TTL.",
	status.Due:     "The value is younger than its TTL, and the next read refreshes it in the background.",
	status.Stale:   "The value is past its TTL or was invalidated. A read refreshes it, and gets the last good value if that fails.",
	status.Refused: "There is no value, and none is fetched before the back-off is over.",
	status.Absent:  "There is no value yet.",
	status.Closed:  "The cache was closed. Each read is an error.",
}

// mostRows is how many secrets a page shows. A browser gets slow with thousands.
const mostRows = 200

// A shown view has what the template shows of a view.
type shown struct {
	*view
	CSS   template.CSS
	Icon  template.URL
	Shown []*row
	More  int // rows that fit and are not shown
	Tabs  []tab
}

// A tab leads to the secrets of one state; that without a state to all.
type tab struct {
	State   status.State
	Count   int
	Link    string
	Present bool
}

func writeHTML(w http.ResponseWriter, code int, v *view) {
	s := shown{view: v, CSS: template.CSS(pageCSS), Icon: icon(v), Shown: v.filtered()}
	if n := len(s.Shown) - mostRows; n > 0 {
		s.Shown, s.More = s.Shown[:mostRows], n
	}
	of := v.states()
	for _, state := range append([]status.State{""}, states...) {
		n := of[state]
		if state == "" {
			n = len(v.Rows)
		}
		if n > 0 || state == v.State {
			s.Tabs = append(s.Tabs, tab{state, n, v.Link(state), state == v.State})
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	page.Execute(w, s) // a client that is gone misses the rest
}

// Link returns the address of the page with the secrets of one state.
func (v *view) Link(state status.State) string {
	query := url.Values{}
	if state != "" {
		query.Set("state", string(state))
	}
	if v.Search != "" {
		query.Set("q", v.Search)
	}
	return "?" + query.Encode()
}

// icon returns a dot for the browser's tab, in the colour of how it stands.
func icon(v *view) template.URL {
	colour := "2da44e"
	for _, r := range v.Rows {
		switch r.urgency() {
		case 2:
			colour = "cf222e"
		case 1:
			if colour != "cf222e" {
				colour = "d4a72c"
			}
		}
	}
	return template.URL("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%23" +
		colour + "'/%3E%3C/svg%3E")
}

// Anchor is the row's id in the page.
func (r *row) Anchor() string { return url.QueryEscape(r.Label() + " " + r.ARN) }

// IsUrgent reports whether readers get an error.
func (r *row) IsUrgent() bool { return r.urgency() == 2 }

// Latest returns the events, the latest first.
func (r *row) Latest() []event {
	events := slices.Clone(r.Events)
	slices.Reverse(events)
	return events
}

// Tell says the event in a few words.
func (e event) Tell(now time.Time) string { return e.tell(now) }

// End returns when the event last happened.
func (e event) End() time.Time { return e.end() }

// InTrouble returns how many secrets somebody should look at.
func (v *view) InTrouble() int { return v.inTrouble() }
