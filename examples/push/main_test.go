package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTheStory runs all of it at a faster pace.
func TestTheStory(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), &out, pace{pause: 10 * time.Millisecond, spread: -1})
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	var told []string
	for line := range strings.Lines(out.String()) {
		if words := strings.Fields(line); len(words) > 2 && words[1] == "s" {
			told = append(told, words[2])
		}
	}
	told = slices.DeleteFunc(told, func(what string) bool { return what == "reported" }) // at any moment
	const want = "started rotated event seen stopped rotated lost started event seen"
	if story := strings.Join(told, " "); story != want {
		t.Errorf("the story is: %s\n%s", story, &out)
	}
	if strings.Contains(out.String(), "password 2") {
		t.Errorf("a password is printed:\n%s", &out)
	}
	if !strings.Contains(out.String(), "GetSecretValue 3 times") {
		t.Errorf("more or fewer fetches:\n%s", &out)
	}
}
