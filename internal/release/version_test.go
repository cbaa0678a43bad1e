package main

import (
	"fmt"
	"testing"
)

func TestVersionsAreSemantic(t *testing.T) {
	for s, want := range map[string]string{
		"v0.1.0": "v0.1.0", "v1.20.3": "v1.20.3", "v0.1.0-rc.1": "v0.1.0-rc.1", "v2.0.0-0a.0.-": "v2.0.0-0a.0.-",
		"": "", "0.1.0": "", "v1": "", "v1.2": "", "v01.2.3": "", "v1.2.3+meta": "", "v1.2.3-": "", "v1.2.3-rc.01": "", "v1.2.3-rc..1": "", "v1.2.3\n": "", "v0.0.9999999": "",
	} {
		v, err := parse(s)
		if got := v.String(); (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q is %s, %v, want %q", s, got, err, want)
		}
	}
}

func TestWhichVersionsFollow(t *testing.T) {
	for last, want := range map[string]string{
		"v0.0.0": "[v0.0.1 v0.1.0 v1.0.0]",
		"v0.3.2": "[v0.3.3 v0.4.0 v1.0.0]",
		"v1.4.0": "[v1.4.1 v1.5.0 v2.0.0]",
	} {
		v, err := parse(last)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(v.followers()); got != want {
			t.Errorf("after %s: %s, want %s", last, got, want)
		}
	}
	last := version{minor: 3, patch: 2}
	for s, want := range map[string]bool{
		"v0.3.3": true, "v0.4.0": true, "v0.4.0-rc.1": true, "v1.0.0-beta": true,
		"v0.3.2": false, "v0.3.1": false, "v0.3.4": false, "v0.5.0": false, "v0.3.2-rc.1": false, "v1.1.0": false,
	} {
		v, err := parse(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.follows(last); got != want {
			t.Errorf("%s follows %s: %v", s, last, got)
		}
	}
}

func TestTheLatestReleaseOfAModuleIsThatOfItsTags(t *testing.T) {
	tags := []string{"v0.1.0", "v0.10.0", "v0.9.0", "v0.11.0-rc.1", "v0.12", "sub/v0.2.0", "other/sub/v0.5.0", "v", "nightly"}
	for prefix, want := range map[string]string{"": "v0.10.0", "sub/": "v0.2.0", "none/": "v0.0.0"} {
		if got := latest(tags, prefix).String(); got != want {
			t.Errorf("%q: %s, want %s", prefix, got, want)
		}
	}
	if got := base(tags, module{dir: "sub"}, ""); got != "v0.2.0" {
		t.Errorf("base of sub is %s", got)
	}
	if got := base(tags, module{dir: "."}, ""); got != "v0.10.0" {
		t.Errorf("base of the root is %s", got)
	}
	if got := base(tags, module{dir: "none"}, ""); got != "none" {
		t.Errorf("base of a new module is %s", got)
	}
	if got := base(tags, module{dir: "."}, "/v2"); got != "none" {
		t.Errorf("base of v2 is %s", got)
	}
	if got := base(append(tags, "v2.1.0"), module{dir: "."}, "/v2"); got != "v2.1.0" {
		t.Errorf("base of v2 is %s", got)
	}
}
