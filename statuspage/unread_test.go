package statuspage_test

import (
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/secret"
)

// TestAHandleThatWasNeverRead is in the row of its secret, and nobody calls it well.
func TestAHandleThatWasNeverRead(t *testing.T) {
	p := newProgram(t)
	p.server.Seed(t, "prod/db", "x")
	read := typedsecret.New[string]("prod/db", typedsecret.WithSet(p.set))
	typedsecret.New[[]byte]("prod/db", typedsecret.WithSet(p.set))
	check := func(wants ...string) {
		t.Helper()
		for _, want := range wants {
			if shown := p.get("text"); !strings.Contains(shown, want) || strings.Count(shown, " prod/db ") != 1 {
				t.Errorf("the page lacks %q, or has two rows of one secret:\n%s", want, shown)
			}
		}
	}
	check("1 of 1 secret was not read yet.\n", "absent  prod/db  -    -        at the next read  string, []uint8\n")
	if _, err := read.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("The secret is well.\n", "string, []uint8\n")
	typedsecret.New[string]("prod/a", typedsecret.WithSet(p.set))
	check("1 of 2 secrets was not read yet. The rest is well.\n")
	typedsecret.New[string]("prod/b", typedsecret.WithSet(p.set))
	check("2 of 3 secrets were not read yet. The rest is well.\n")
}

// TestAHandleHasItsStage also before it is read, and after its cache was closed: else a script that
// looks for the same secret twice finds two.
func TestAHandleHasItsStage(t *testing.T) {
	p := newProgram(t)
	p.server.Seed(t, "prod/db", "x")
	h := typedsecret.New[string]("prod/db", typedsecret.WithSet(p.set))
	pinned := typedsecret.New[string]("prod/db", typedsecret.WithSet(p.set), typedsecret.WithVersionID(strings.Repeat("1", 36)))
	s := h.Status()
	if s.Stage != secret.CurrentStage || s.NextFetch.IsZero() || pinned.Status().Stage != "" {
		t.Errorf("%+v, %+v", s, pinned.Status())
	}
	if _, err := h.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.cache.Close()
	if s := h.Status(); s.Stage != secret.CurrentStage || !s.NextFetch.IsZero() {
		t.Errorf("closed: %+v", s)
	}
	if shown := p.get("json"); !strings.Contains(shown, `"event": "fetched"`) {
		t.Errorf("the closed page has lost its timeline:\n%s", shown)
	}
}
