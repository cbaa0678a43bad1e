package promtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/integration/promtest"
	"github.com/typedsecret/typedsecret/secrettest"
)

// recipe is the folder of promsecret.
const recipe = "../../recipes/promsecret"

// An outage is what makes an alert fire for a process.
type outage struct {
	alert string
	begin func(p, other *process) (end func()) // a nil end leaves the alert as it is

	hasSet   bool // p has one
	hasOther bool // another process shares the Secrets Manager with p

	p, other *process
}

func outages() []*outage {
	return []*outage{
		{alert: "SecretSourceDown", begin: func(p, _ *process) func() { return p.fails(secrettest.Unavailable()) }},
		{alert: "SecretRefused", begin: func(p, _ *process) func() { return p.fails(secrettest.AccessDenied()) }},
		{alert: "SecretsThrottled", begin: func(p, _ *process) func() { return p.fails(secrettest.Throttling()) }},
		{alert: "SecretServedStale", begin: func(p, _ *process) func() {
			p.Fail(p.t, secrettest.Fault{Effect: secrettest.InternalError()})
			p.invalidate()
			p.get()
			return nil // it stays for the alert's ten minutes
		}},
		{alert: "SecretUndecodable", hasSet: true, begin: func(p, _ *process) func() {
			p.Rotate(p.t, "prod/db", rotated)
			if p.refresh() == nil {
				p.t.Error("what is no JSON was decoded")
			}
			return nil
		}},
		{alert: "SecretUndecodable", begin: func(p, _ *process) func() {
			p.Rotate(p.t, "prod/db", rotated)
			if p.refresh() == nil {
				p.t.Error("what is no JSON was decoded")
			}
			return nil
		}},
		{alert: "SecretRejected", begin: func(p, _ *process) func() {
			err := p.db.Do(p.t.Context(), func(context.Context, creds) error { return typedsecret.Rejected(errors.New("28P01")) })
			if !errors.Is(err, typedsecret.ErrRejected) {
				p.t.Errorf("Do = %v", err)
			}
			return nil
		}},
		{alert: "SecretOldVersion", hasOther: true, begin: func(p, other *process) func() {
			p.Rotate(p.t, "prod/db", value(rotated))
			must(p.t, other.refresh())
			return func() {}
		}},
		{alert: "SecretSealedFileFailed", begin: func(p, _ *process) func() {
			must(p.t, os.RemoveAll(p.folder))
			must(p.t, p.refresh())
			return nil
		}},
	}
}

func TestEachAlertIsSeen(t *testing.T) {
	all := outages()
	var processes []*process
	for _, o := range all {
		manager := newManager(t)
		o.p = newProcess(t, manager, o.hasSet)
		processes = append(processes, o.p)
		if o.hasOther {
			o.other = newProcess(t, manager, false)
			processes = append(processes, o.other)
		}
	}
	var targets []string
	for _, p := range processes {
		targets = append(targets, p.instance)
	}
	rules, err := os.ReadFile(filepath.Join(recipe, "alerts.yml"))
	must(t, err)
	atOnce := regexp.MustCompile(` for: \w+`).ReplaceAllString(string(rules), " for: 0s")
	server := promtest.New(t, promtest.Config{Targets: targets, Rules: atOnce})

	server.Await(t, fmt.Sprintf("count(typedsecret_source_up) == %d", len(targets)), promtest.Some)
	if fires, err := server.Query(t.Context(), "ALERTS"); err != nil || len(fires) > 0 {
		t.Fatalf("before the outages: %v, %v", fires, err)
	}
	seen := map[string]bool{}
	for _, o := range all {
		t.Run(o.alert, func(t *testing.T) {
			p := o.p
			p.t = t
			end := o.begin(p, o.other)
			fires := server.Await(t, fmt.Sprintf(`ALERTS{alertname=%q,alertstate="firing"}`, o.alert), func(s []promtest.Sample) bool {
				for _, one := range s {
					if one.Labels["instance"] == p.instance {
						return true
					}
				}
				return false
			})
			for _, one := range fires {
				if !isOf(all, o.alert, one.Labels["instance"]) {
					t.Errorf("it fires for another process: %v", one.Labels)
				}
			}
			seen[o.alert] = true
			if o.alert == "SecretOldVersion" {
				testPanels(t, server, isWhoStill)
			}
			if end == nil {
				return
			}
			end()
			must(t, p.refresh())
			server.Await(t, fmt.Sprintf(`ALERTS{alertname=%q,instance=%q}`, o.alert, p.instance), promtest.None)
		})
	}
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		if !seen[m[1]] {
			t.Errorf("the alert %s was not seen", m[1])
		}
	}
	testPanels(t, server, func(title string) bool { return !isWhoStill(title) }) // nobody has any more
	testVariables(t, server)
	testOutputs(t, server, processes)
}

// isOf reports whether the process at instance is one for which the alert should fire.
func isOf(all []*outage, alert, instance string) bool {
	for _, o := range all {
		if o.p.instance == instance && o.alert == alert {
			return true
		}
	}
	return false
}

// testOutputs tests that no piece of a secret, and no name of one that is not listed, is in what
// Prometheus got; and that promtool finds no fault with that.
func testOutputs(t *testing.T, server *promtest.Server, processes []*process) {
	t.Helper()
	series, err := server.Query(t.Context(), `{__name__=~".+"}`)
	if err != nil || len(series) < 100 {
		t.Fatalf("%d series: %v", len(series), err)
	}
	outputs := []string{fmt.Sprint(series)}
	for _, p := range processes {
		res, err := http.Get(p.url)
		must(t, err)
		text, err := io.ReadAll(res.Body)
		must(t, errors.Join(err, res.Body.Close()))
		outputs = append(outputs, string(text))
		promtest.Check(t, ".", string(text), "check", "metrics")
	}
	for _, output := range outputs {
		if strings.Contains(output, "hidden") {
			t.Errorf("a secret that is not listed is named in\n%s", output)
		}
		for _, s := range []string{password, rotated} {
			for i := range len(s) - 3 {
				if strings.Contains(output, s[i:i+4]) {
					t.Fatalf("a piece of a secret is in\n%s", output)
				}
			}
		}
	}
}

func TestPromtoolFindsNoFault(t *testing.T) {
	promtest.Check(t, recipe, "", "check", "rules", "alerts.yml")
	promtest.Check(t, recipe, "", "test", "rules", "alerts_test.yml")
}

// TestOneQueryShowsTheOldVersion: the documented one, the alert's and the dashboard's.
func TestOneQueryShowsTheOldVersion(t *testing.T) {
	const part = `unless on (secret, arn, version) topk by (secret, arn) (1, typedsecret_secret_fetched_timestamp_seconds{`
	for _, name := range []string{"promsecret.go", "alerts.yml", "dashboard.json", "../../docs/operations.md"} {
		text, err := os.ReadFile(filepath.Join(recipe, name))
		must(t, err)
		if !strings.Contains(strings.Join(strings.Fields(strings.ReplaceAll(string(text), "//", "")), " "), part) {
			t.Errorf("%s has another query", name)
		}
	}
}
