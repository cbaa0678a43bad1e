package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestThePageShowsWhatTheCommandPrints compares each example of docs/command.md.
func TestThePageShowsWhatTheCommandPrints(t *testing.T) {
	page, err := os.ReadFile("../../docs/command.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?ms)^```sh\ncd cmd/typedsecret && (?:(\\w+)=(\\S+) )?go run \\. (.*?)\n```\n\n```(?:text|json)\n(.*?)^```$")
	seen := 0
	for _, m := range example.FindAllStringSubmatch(string(page), -1) {
		seen++
		t.Run(m[3], func(t *testing.T) {
			if m[1] != "" {
				t.Setenv(m[1], m[2])
			}
			got := typedsecret(t, strings.Fields(m[3])...)
			if diff := cmp.Diff(m[4], got.out); diff != "" {
				t.Errorf("(-page +command):\n%s%s", diff, got.errs)
			}
		})
	}
	if seen != len(commands)-1 {
		t.Errorf("the page has %d examples, and there are %d commands", seen, len(commands))
	}
}
