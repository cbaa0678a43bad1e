package statuspage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/status"
)

// A row is a secret with its handles and its past.
type row struct {
	status.Secret
	Handles []status.Handle
	Events  []event
	Trouble []string // what somebody should look at, a sentence each
	Notes   []string // what is good to know

	handles []typedsecret.Handle
	cache   *cache.Cache // that has it; nil if it is known by its handles alone
}

// Label names the secret as errors do, without the stage that most have.
func (r *row) Label() string {
	ref := secret.Ref{ID: r.ID, Stage: r.Stage, VersionID: r.PinnedVersion}
	if ref.Stage == secret.CurrentStage && ref.VersionID == "" {
		ref.Stage = ""
	}
	return ref.String()
}

// A view is all that a page shows.
type view struct {
	Title  string
	At     time.Time
	Rows   []*row // those in trouble first, then by ID
	Caches []status.Cache
	Sealed sealedFailure
	Window time.Duration // of the timelines

	Search  string       // part of the IDs to be shown
	State   status.State // to be shown; "" for all
	Refresh bool         // there are buttons
	Failed  error        // of a refresh
}

// collect reads the status of everything.
func (p *Page) collect() *view {
	v := &view{Title: cmp.Or(p.cfg.Title, "Secrets"), At: time.Now(), Sealed: p.cfg.History.lastSealed()}
	for _, c := range p.cfg.Caches {
		s := c.Status()
		v.Caches = append(v.Caches, s)
		for _, one := range s.Secrets {
			v.Rows = append(v.Rows, &row{Secret: one, cache: c})
		}
	}
	v.addHandles(p.handles())
	for _, r := range v.Rows {
		r.Events = p.cfg.History.of(r.ID, r.Stage, r.PinnedVersion)
		r.judge(v.At)
	}
	slices.SortStableFunc(v.Rows, func(a, b *row) int {
		return cmp.Or(cmp.Compare(b.urgency(), a.urgency()), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Stage, b.Stage))
	})
	v.Window = window(v)
	return v
}

// handles returns the handles of the page, each once.
func (p *Page) handles() []typedsecret.Handle {
	var all []typedsecret.Handle
	seen := map[typedsecret.Handle]bool{}
	for _, set := range append([]*typedsecret.Set{nil}, p.cfg.Sets...) {
		of := p.cfg.Handles
		if set != nil {
			of = set.Handles()
		}
		for _, h := range of {
			if h != nil && !seen[h] {
				seen[h] = true
				all = append(all, h)
			}
		}
	}
	return all
}

// A rowKey says what a form and a handle name. The ARN tells two secrets of one name in two regions
// apart.
type rowKey struct{ id, stage, pinned, arn string }

// addHandles puts each handle to the row of its secret, and makes one where there is none.
func (v *view) addHandles(handles []typedsecret.Handle) {
	rows := map[rowKey][]*row{} // by name
	for _, r := range v.Rows {
		rows[nameOf(r.Secret)] = append(rows[nameOf(r.Secret)], r)
	}
	for _, h := range handles {
		s := h.Status()
		name := nameOf(s.Secret)
		r := rowOf(s.Secret, rows[name])
		if r == nil {
			r = &row{Secret: s.Secret}
			v.Rows, rows[name] = append(v.Rows, r), append(rows[name], r)
		} else if r.cache == nil && s.Fetched.After(r.Fetched) {
			r.Secret = s.Secret
		}
		r.Handles, r.handles = append(r.Handles, s), append(r.handles, h)
	}
}

func nameOf(s status.Secret) rowKey { return rowKey{id: s.ID, stage: s.Stage, pinned: s.PinnedVersion} }

// rowOf returns the row of a secret, or nil. Several rows may have its name; it is the one of the
// same ARN and age. A handle that was never read joins any of them, and a row that has not been
// fetched takes any handle, since the fetch may have ended between two looks.
func rowOf(s status.Secret, rows []*row) (best *row) {
	most := 0
	for _, r := range rows {
		fit := 0
		switch {
		case r.ARN == s.ARN && r.Since.Equal(s.Since) && r.Error == s.Error:
			fit = 3
		case r.ARN == s.ARN:
			fit = 2
		case r.ARN == "" || s.ARN == "":
			fit = 1
		}
		if fit > most {
			best, most = r, fit
		}
	}
	return best
}

// judge says in words what is to be said of the secret.
func (r *row) judge(now time.Time) {
	trouble := func(format string, args ...any) { r.Trouble = append(r.Trouble, fmt.Sprintf(format, args...)) }
	for _, h := range r.Handles {
		if h.Misuse != "" {
			trouble("The handle that reads it as %s is declared wrongly: %s.", h.Type, r.cause(h.Misuse))
		}
	}
	if r.State == status.Closed {
		trouble("Its cache was closed, so each read is an error.")
	}
	if r.Error != "" {
		times := ""
		if n := r.Failures; n > 1 {
			times = fmt.Sprintf(" %d times in a row, first %s", n, ago(now, r.FailingSince))
		}
		switch r.State {
		case status.Refused, status.Absent:
			trouble("There is no value. Fetching it failed%s: %s.", times, r.cause(r.Error))
		case status.Stale:
			trouble("The value is %s old, and refreshing it failed%s: %s.", r.Age(), times, r.cause(r.Error))
		default:
			trouble("The value is good. Refreshing it failed%s: %s.", times, r.cause(r.Error))
		}
	}
	for _, h := range r.Handles {
		if h.DecodeError != "" {
			goOn := "No version decodes"
			if h.Decoded {
				goOn = "Readers go on with version " + short(h.DecodedVersion)
			}
			trouble("%s, since version %s does not decode as %s: %s.", goOn, short(h.UndecodableVersion), h.Type, r.cause(h.DecodeError))
		}
		if n := h.Rejections; n == 1 {
			trouble("A service refused this credential.")
		} else if n > 1 {
			trouble("Services refused this credential %d times in a row.", n)
		}
	}
	if r.Replica != "" {
		r.Notes = append(r.Notes, "It came from the replica in "+r.Replica+", since the primary region did not give it.")
	}
	if r.Fetching {
		r.Notes = append(r.Notes, "A fetch is under way.")
	}
}

// urgency is 2 if readers get an error, 1 if there is other trouble, and else 0.
func (r *row) urgency() int {
	switch {
	case len(r.Trouble) == 0:
		return 0
	case r.Fetched.IsZero():
		return 2
	default:
		return 1
	}
}

// cause prepares an error's text for the middle of a sentence about the secret: its name and its
// version are left out.
func (r *row) cause(s string) string {
	for _, stage := range []string{r.Stage, ""} {
		ref := secret.Ref{ID: r.ID, Stage: stage, VersionID: r.PinnedVersion}
		s = strings.TrimPrefix(s, "secret "+ref.String()+": ")
	}
	for _, h := range r.Handles {
		s = strings.TrimPrefix(s, "version "+h.UndecodableVersion+": ")
	}
	return sentence(s)
}

// sentence prepares an error's text for the middle of a sentence.
func sentence(s string) string { return strings.TrimRight(printable(s), ".") }

// Age tells how old the value is.
func (r *row) Age() string {
	switch {
	case r.Fetched.IsZero():
		return ""
	case r.AgeSeconds < 0:
		return "of unknown age"
	}
	return span(time.Duration(r.AgeSeconds * float64(time.Second)))
}

// inTrouble returns how many secrets somebody should look at.
func (v *view) inTrouble() (n int) {
	for _, r := range v.Rows {
		if len(r.Trouble) > 0 {
			n++
		}
	}
	return n
}

// Summary says in a sentence how it stands.
func (v *view) Summary() string {
	switch bad, unread := v.inTrouble(), v.states()[status.Absent]; {
	case len(v.Rows) == 0:
		return "No secret is known yet."
	case bad > 0:
		return fmt.Sprintf("%s to be looked at.", partOf(bad, len(v.Rows), "needs", "need"))
	case unread == len(v.Rows):
		return fmt.Sprintf("%s not read yet.", partOf(unread, len(v.Rows), "was", "were"))
	case unread > 0:
		return fmt.Sprintf("%s not read yet. The rest is well.", partOf(unread, len(v.Rows), "was", "were"))
	case len(v.Rows) == 1:
		return "The secret is well."
	default:
		return fmt.Sprintf("All %d secrets are well.", len(v.Rows))
	}
}

// Outages says of each backend that is down since when, and why.
func (v *view) Outages() (all []string) {
	for _, c := range v.Caches {
		for _, b := range c.Backends {
			if !b.Down {
				continue
			}
			name := "The source"
			if b.Name != "" {
				name = "The backend " + printable(b.Name)
			}
			why := ""
			if b.Error != "" {
				why = ": " + sentence(b.Error)
			}
			all = append(all, fmt.Sprintf("%s can't answer. It went down %s%s.", name, ago(v.At, b.Since), why))
		}
	}
	return all
}

// partOf tells a part of the secrets, with the verb that fits it: 1 of 3 secrets needs.
func partOf(n, all int, one, many string) string {
	verb := many
	if n == 1 {
		verb = one
	}
	return fmt.Sprintf("%d of %s %s", n, count(all, "secret", "secrets"), verb)
}

// states are all states, the best first.
var states = []status.State{status.Fresh, status.Due, status.Stale, status.Refused, status.Absent, status.Closed}

// windows are what a timeline may span.
var windows = []time.Duration{15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}

// window returns the shortest one in which all events lie, so that the timelines of a page can be
// compared.
func window(v *view) time.Duration {
	var most time.Duration
	for _, r := range v.Rows {
		if len(r.Events) > 0 {
			most = max(most, v.At.Sub(r.Events[0].At))
		}
	}
	for _, w := range windows {
		if most <= w {
			return w
		}
	}
	return windows[len(windows)-1]
}
