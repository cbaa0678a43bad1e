package promtest_test

//lint:file-ignore SA1019 dashboard.json has the schema that each Grafana imports, the one before v2

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"

	"github.com/typedsecret/typedsecret/integration/promtest"
)

// readDashboard reads dashboard.json by Grafana's own schema, in which no key is unknown and no
// required one is missing.
func readDashboard(t *testing.T) *dashboard.Dashboard {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(recipe, "dashboard.json"))
	must(t, err)
	plugins.RegisterDefaultPlugins()
	var strict, d dashboard.Dashboard
	if err := strict.UnmarshalJSONStrict(text); err != nil && err.Error() != "" { // it returns an empty list, too
		t.Fatal(err)
	}
	must(t, json.Unmarshal(text, &d)) // the strict decoder leaves panels empty
	if err := d.Validate(); err != nil {
		t.Fatal(err)
	}
	return &d
}

// queriesOf returns the queries of a panel, with all jobs and instances.
func queriesOf(t *testing.T, p *dashboard.Panel) (all []string) {
	t.Helper()
	variables := strings.NewReplacer("$job", ".*", "$instance", ".*", "$__rate_interval", "1m")
	for _, target := range p.Targets {
		query, ok := target.(*prometheus.Dataquery)
		if !ok {
			t.Fatalf("%s: a query is a %T", *p.Title, target)
		}
		all = append(all, variables.Replace(query.Expr))
	}
	return all
}

// TestTheDashboardIsOne that Grafana's schema accepts, whose panels have IDs, titles and queries,
// and places of their own.
func TestTheDashboardIsOne(t *testing.T) {
	d := readDashboard(t)
	taken, ids := map[[2]uint32]string{}, map[uint32]bool{}
	for _, one := range d.Panels {
		p := one.Panel
		if p == nil || p.Id == nil || p.Title == nil || p.GridPos == nil {
			t.Fatalf("a panel lacks an ID, a title or a place: %+v", p)
		}
		if ids[*p.Id] || len(p.Targets) == 0 {
			t.Errorf("%s: ID %d, %d queries", *p.Title, *p.Id, len(p.Targets))
		}
		ids[*p.Id] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]uint32{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s lies on %q, or beyond the right edge", *p.Title, other)
				}
				taken[[2]uint32{x, y}] = *p.Title
			}
		}
	}
	if len(ids) < 10 {
		t.Errorf("%d panels", len(ids))
	}
}

// isWhoStill reports whether a panel lists the processes that still have an old version.
func isWhoStill(title string) bool { return strings.HasPrefix(title, "Who still") }

// testPanels tests that each query of the panels has an answer from a Prometheus.
func testPanels(t *testing.T, server *promtest.Server, isMeant func(title string) bool) {
	t.Helper()
	asked := 0
	for _, one := range readDashboard(t).Panels {
		if !isMeant(*one.Panel.Title) {
			continue
		}
		for _, query := range queriesOf(t, one.Panel) {
			asked++
			if answer, err := server.Query(t.Context(), query); err != nil || len(answer) == 0 {
				t.Errorf("%s: %s = %v, %v", *one.Panel.Title, query, answer, err)
			}
		}
	}
	if asked == 0 {
		t.Error("no panel was meant")
	}
}

// testVariables tests that the lists to choose from have entries.
func testVariables(t *testing.T, server *promtest.Server) {
	t.Helper()
	values := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	asked := 0
	for _, v := range readDashboard(t).Templating.List {
		if v.Type != dashboard.VariableTypeQuery {
			continue
		}
		asked++
		m := values.FindStringSubmatch(*v.Definition)
		if m == nil {
			t.Errorf("%s is %s", v.Name, *v.Definition)
			continue
		}
		query := "count by (" + m[2] + ") (" + strings.ReplaceAll(m[1], "$job", ".*") + ")"
		if answer, err := server.Query(t.Context(), query); err != nil || len(answer) == 0 || answer[0].Labels[m[2]] == "" {
			t.Errorf("%s: %s = %v, %v", v.Name, query, answer, err)
		}
	}
	if asked != 2 {
		t.Errorf("%d variables have lists", asked)
	}
}
