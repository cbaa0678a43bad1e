package report_test

import (
	"bytes"
	"encoding/json"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/report"
)

var findings = []report.Finding{
	{Rule: "wrong-kind", Level: report.Error, Secret: "prod/db", Message: "port: 100% a string, not\na number", Position: token.Position{Filename: "/src/b.go", Line: 7, Column: 3}},
	{Rule: "not-checked", Level: report.Warning, Secret: "{the flag -id}", Message: "not checked", Position: token.Position{Filename: "/src/a,b:c.go", Line: 2, Column: 1}},
}

func write(t *testing.T, format string) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, format, "/src", findings, "0 of 1 secrets decode"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFindingsAsTextAndForGitHub(t *testing.T) {
	for format, want := range map[string]string{
		"text": "a,b:c.go:2: warning: {the flag -id}: not checked\nb.go:7: wrong-kind: prod/db: port: 100% a string, not\\na number\n0 of 1 secrets decode\n",
		"github": "::warning file=a%2Cb%3Ac.go,line=2,title=typedsecret not-checked::{the flag -id}: not checked\n" +
			"::error file=b.go,line=7,title=typedsecret wrong-kind::prod/db: port: 100%25 a string, not%0Aa number\n0 of 1 secrets decode\n",
	} {
		if diff := cmp.Diff(want, write(t, format)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
	if err := report.Write(&bytes.Buffer{}, "xml", "", nil, ""); err == nil || !strings.Contains(err.Error(), "the formats are text") {
		t.Errorf("another format: %v", err)
	}
}

// TestFindingsAsSARIF checks what the standard requires of the parts that are written.
func TestFindingsAsSARIF(t *testing.T) {
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name  string
					Rules []struct {
						ID               string
						ShortDescription struct{ Text string }
					}
				}
			}
			Results []struct {
				RuleID, Level string
				Message       struct{ Text string }
				Locations     []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(write(t, "sarif")), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if log.Version != "2.1.0" || run.Tool.Driver.Name != "typedsecret" || len(run.Results) != 2 || len(run.Tool.Driver.Rules) != 2 {
		t.Fatalf("%+v", log)
	}
	for i, want := range []string{"warning ./a,b:c.go 2:1", "error b.go 7:3"} {
		r := run.Results[i]
		at := r.Locations[0].PhysicalLocation
		got := r.Level + " " + at.ArtifactLocation.URI + " " + string(rune('0'+at.Region.StartLine)) + ":" + string(rune('0'+at.Region.StartColumn))
		if got != want || r.RuleID != run.Tool.Driver.Rules[i].ID || run.Tool.Driver.Rules[i].ShortDescription.Text == r.RuleID {
			t.Errorf("%s, want %s: %+v", got, want, r)
		}
	}
}

// TestEachRuleIsDescribed that package check and its tests name.
func TestEachRuleIsDescribed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "check", "check.go"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, m := range regexp.MustCompile(`(?:Rule: |Rule, f\.Message = |": )"([a-z-]+)"`).FindAllStringSubmatch(string(text), -1) {
		seen++
		if report.Rules[m[1]] == "" {
			t.Errorf("the rule %s is not described", m[1])
		}
	}
	if seen < 15 {
		t.Errorf("only %d rules were found", seen)
	}
}

// TestAnIDBeginsNoLine, which GitHub would take for a command.
func TestAnIDBeginsNoLine(t *testing.T) {
	for _, format := range []string{"text", "github"} {
		var b strings.Builder
		err := report.Write(&b, format, ".", []report.Finding{{Rule: "misuse", Level: report.Error, Secret: "a\n::error::b", Message: "c\r\n::stop-commands::d"}}, "")
		if lines := strings.Split(strings.TrimSpace(b.String()), "\n"); err != nil || len(lines) != 1 {
			t.Errorf("%s: %q, %v", format, lines, err)
		}
	}
}
