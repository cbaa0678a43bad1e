package statuspage

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/typedsecret/typedsecret/status"
)

// A report is the page as JSON. Its keys stay.
type report struct {
	Title        string               `json:"title"`
	At           time.Time            `json:"at"`
	Summary      string               `json:"summary"`
	States       map[status.State]int `json:"states"`
	NeedLook     int                  `json:"to_be_looked_at"`
	RefreshError string               `json:"refresh_error,omitempty"`
	Secrets      []reported           `json:"secrets"`
	Caches       []reportedCache      `json:"caches"`
	SealedFile   *sealedFailure       `json:"sealed_file_failure,omitempty"`
}

// reported is a row as JSON.
type reported struct {
	status.Secret
	Handles []status.Handle `json:"handles,omitempty"`
	Trouble []string        `json:"trouble,omitempty"`
	Notes   []string        `json:"notes,omitempty"`
	Events  []event         `json:"events,omitempty"`
}

// reportedCache is a cache as JSON, without its secrets, which the report has beside it.
type reportedCache struct {
	status.Cache
	Secrets any `json:"secrets,omitempty"`
}

func writeJSON(w http.ResponseWriter, code int, v *view) {
	r := report{
		Title: v.Title, At: v.At, Summary: v.Summary(), States: v.states(), NeedLook: v.inTrouble(),
		Secrets: []reported{}, Caches: []reportedCache{},
	}
	if v.Failed != nil {
		r.RefreshError = v.Failed.Error()
	}
	if !v.Sealed.At.IsZero() {
		r.SealedFile = &v.Sealed
	}
	for _, row := range v.filtered() {
		r.Secrets = append(r.Secrets, reported{row.Secret, row.Handles, row.Trouble, row.Notes, row.Events})
	}
	for _, c := range v.Caches {
		r.Caches = append(r.Caches, reportedCache{Cache: c})
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.Encode(r) // a client that is gone misses the rest
}

// states counts the secrets of each state.
func (v *view) states() map[status.State]int {
	n := map[status.State]int{}
	for _, r := range v.Rows {
		n[r.State]++
	}
	return n
}

// filtered returns the rows that the request asked for.
func (v *view) filtered() (rows []*row) {
	for _, r := range v.Rows {
		if (v.State == "" || r.State == v.State) && strings.Contains(strings.ToLower(r.ID), strings.ToLower(v.Search)) {
			rows = append(rows, r)
		}
	}
	return rows
}

func writeText(w http.ResponseWriter, code int, v *view) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprintf(w, "%s, %s\n%s\n", printable(v.Title), v.At.UTC().Format(time.RFC3339), v.Summary())
	if v.Failed != nil {
		fmt.Fprintf(w, "The refresh failed: %s.\n", sentence(v.Failed.Error()))
	}
	for _, outage := range v.Outages() {
		fmt.Fprintln(w, outage)
	}
	rows := v.filtered()
	if len(rows) > 0 {
		fmt.Fprintln(w)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, r := range rows {
		if i == 0 {
			fmt.Fprintln(table, "STATE\tSECRET\tAGE\tVERSION\tNEXT FETCH\tREAD AS")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.State, printable(r.Label()), cmp.Or(r.Age(), "-"),
			cmp.Or(printable(r.Version), "-"), until(v.At, r.NextFetch), cmp.Or(r.types(), "-"))
	}
	table.Flush()
	for _, r := range rows {
		if len(r.Trouble)+len(r.Notes) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", printable(r.Label()))
		for _, s := range append(r.Trouble, r.Notes...) {
			fmt.Fprintf(w, "  %s\n", printable(s))
		}
	}
	for _, c := range v.Caches {
		fmt.Fprintf(w, "\n%s\n", cacheText(c))
	}
	if f := v.Sealed; !f.At.IsZero() {
		fmt.Fprintf(w, "\nThe sealed file %s could not be used %s: %s.\n", printable(f.Path), ago(v.At, f.At), sentence(f.Error))
	}
}

// types returns the types that the handles read the secret as.
func (r *row) types() string {
	var types []string
	for _, h := range r.Handles {
		types = append(types, h.Type)
	}
	return strings.Join(types, ", ")
}

// cacheText says in a line how a cache stands.
func cacheText(c status.Cache) string {
	if c.Closed {
		return "cache over " + c.Source + ": closed"
	}
	text := fmt.Sprintf("cache over %s: %s, %d of %d by ID; %s, %d under way, %d waiting", c.Source,
		count(len(c.Secrets), "secret", "secrets"), c.Size, c.MaxSize, count(int(c.Fetches), "fetch", "fetches"), c.Requests, c.Queued)
	if c.Abandoned > 0 {
		text += fmt.Sprintf(", %d abandoned", c.Abandoned)
	}
	if c.Evictions > 0 {
		text += "; " + count(int(c.Evictions), "eviction", "evictions")
	}
	if !c.LastEvent.IsZero() {
		text += "; last event " + ago(c.At, c.LastEvent)
	}
	if c.Sealed != "" {
		text += "; sealed file " + printable(c.Sealed)
	}
	return text
}
