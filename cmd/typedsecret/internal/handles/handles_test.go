package handles_test

import (
	"fmt"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles"
)

// wantHandles checks which handles a program has.
func wantHandles(t *testing.T, program string, want ...string) {
	t.Helper()
	p, err := handles.Find(t.Context(), handles.Config{}, program)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range p.Handles {
		got = append(got, describe(h))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("handles (-want +got):\n%s", diff)
	}
}

// describe returns a handle in one line.
func describe(h handles.Handle) string {
	var ids, opts []string
	for _, id := range h.IDs {
		ids = append(ids, id.String())
	}
	for _, o := range h.Options {
		source := o.Source
		if o.Conditional {
			source += "?"
		}
		opts = append(opts, source)
	}
	typ := "none"
	if h.Type != nil {
		typ = types.TypeString(h.Type, (*types.Package).Name)
	}
	s := fmt.Sprintf("%s:%d %s[%s] %s", filepath.Base(h.Position.Filename), h.Position.Line, h.Kind, typ, strings.Join(ids, " | "))
	if len(opts) > 0 {
		s += " with " + strings.Join(opts, ", ")
	}
	return s
}

func TestEachHandleOfAProgramIsFound(t *testing.T) {
	wantHandles(t, "./testdata/program/cmd/app",
		"main.go:29 New[main.key] app/key with typedsecret.WithShared(), typedsecret.WithSet(&app)",
		"main.go:30 New[string] arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf with typedsecret.WithShared(), typedsecret.WithSet(&app)",
		"main.go:32 New[string] {the environment variable STAGE}/db",
		"main.go:35 NewByID[string] other/acme | tenants/{an element of os.Args}/key with typedsecret.WithCodec(codec.Text{TrimNewline: true})",
		"main.go:36 NewByID[main.key] app/fixed with typedsecret.WithShared(), typedsecret.WithSet(&app)",
		`main.go:40 Fill[lib.DBCreds] app/db with typedsecret.WithShared(), WithStage("AWSPENDING")`,
		`main.go:43 Fill[string] app/api with typedsecret.WithShared(), WithKey("token")`,
		`main.go:52 New[lib.DBCreds] prod/wrapped with typedsecret.WithKey("inner"), typedsecret.WithPending()`,
		"main.go:53 New[main.key] prod/generic",
		"main.go:54 New[map[string]lib.DBCreds] prod/generic-map",
		`main.go:55 New[[]main.key] repo with typedsecret.WithStage("AWSPREVIOUS")`,
		`main.go:56 New[string] {the flag -secret, by default "prod/flagged"}`,
		`main.go:57 New[string] {the environment variable WITH_DEFAULT, by default "prod/default"}`,
		"main.go:58 New[string] {the environment variable BY_FUNC} | prod/func",
		"main.go:60 New[string] loop/a | loop/b",
		"main.go:66 New[string] prod/eu-{the expression len(os.Args)} | prod/us-{the expression len(os.Args)}",
		"main.go:68 New[string] from/field",
		"main.go:69 New[string] {the field cfg.Tagged}",
		"main.go:70 New[string] literal/x",
		"main.go:73 New[main.creds] local/type",
		`main.go:78 Ref[none] bytes with "AWSPENDING"`,
		"main.go:80 New[string] numbered/{the expression len(os.Args)}%",
		"lib.go:20 New[lib.DBCreds] prod/lib",
		"lib.go:38 New[string] {the parameter id of Unused}",
	)
}

// TestTheSearchEnds in programs whose functions and variables refer to themselves.
func TestTheSearchEnds(t *testing.T) {
	wantHandles(t, "./testdata/odd",
		"odd.go:23 New[string] {the parameter id of again}",
		"odd.go:31 New[string] from-pong/{the parameter id of pong}",
		"odd.go:61 New[string] dynamic/{the parameter id of open} | static/{the parameter id of open}",
		"odd.go:65 New[string] {the variable first}Yx{the variable second}xy",
		"odd.go:66 New[string] again",
		"odd.go:68 New[string] p",
		`odd.go:69 New[string] opts with typedsecret.WithShared()?, options(n-1, opts...)?, typedsecret.WithStage("AWSPREVIOUS")?`,
		"odd.go:70 New[string] {the prefix of the Set setA}set | changed/set with typedsecret.WithSet(setA)",
		"odd.go:71 New[int] tree",
		"odd.go:72 New[string] tree",
		"odd.go:75 New[string] {the result of strings.Repeat}",
		"odd.go:78 New[string] a | {the variable id, an assignment with +=} | {the variable id}{the expression string(rune('a' + i))}",
		"odd.go:81 New[string] a | {the variable id, an assignment with +=} | {the variable id}{the expression string(rune('a' + i))}",
		"odd.go:86 New[string] {the calls of New, which is used as a value here}",
		"odd.go:99 Fill[string] embedded/a | changed/a",
		"odd.go:104 New[string] changed/b with typedsecret.WithSet(&changed)",
		"odd.go:105 New[string] dynamic/y | static/y",
	)
}

func TestTheProgramsUseOfOtherCallsIsKnown(t *testing.T) {
	p, err := handles.Find(t.Context(), handles.Config{}, "./testdata/program/cmd/app")
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Batches) != 1 || filepath.Base(p.Batches[0].Filename) != "main.go" {
		t.Errorf("Preload is called at %v", p.Batches)
	}
	if len(p.Registered) != 1 || !strings.HasSuffix(p.Registered[0].String(), "app.settings") {
		t.Errorf("registered: %v", p.Registered)
	}
	if p.Roots[0] != "github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles/testdata/program/cmd/app" {
		t.Errorf("roots: %v", p.Roots)
	}
}

// TestAProgramThatCanNotBeLoadedIsOneLine that says what is wrong.
func TestAProgramThatCanNotBeLoadedIsOneLine(t *testing.T) {
	for pattern, want := range map[string]string{
		"./testdata/broken": "undefined: nothing",
		"./testdata/none":   "no Go files in",
		"./no/such/...":     "no such file or directory",
	} {
		_, err := handles.Find(t.Context(), handles.Config{}, pattern)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", pattern, err, want)
		}
	}
}

func TestAProgramWithoutTheLibraryHasNoHandles(t *testing.T) {
	p, err := handles.Find(t.Context(), handles.Config{}, "io")
	if err != nil || len(p.Handles) != 0 {
		t.Errorf("%v, %v", p, err)
	}
}

// TestAFolderOutsideAModuleIsNamedAsSuch, where the go command speaks of a directory prefix.
func TestAFolderOutsideAModuleIsNamedAsSuch(t *testing.T) {
	dir := t.TempDir()
	_, err := handles.Find(t.Context(), handles.Config{Dir: dir, Env: append(os.Environ(), "GOWORK=off", "GOFLAGS=")}, "./...")
	if err == nil || !strings.Contains(err.Error(), "there is no go.mod in "+dir+" or above it") {
		t.Errorf("%v", err)
	}
}

// TestElementsOfAParameterAreThoseOfItsCalls, also of a variadic one. An empty list is no end of
// the search.
func TestElementsOfAParameterAreThoseOfItsCalls(t *testing.T) {
	wantHandles(t, "./testdata/loops",
		"main.go:20 New[string] {an element of []string{}}",
		"main.go:22 New[string] all/{an element of ids}",
		"main.go:28 New[string] all/a | all/b",
		"main.go:28 New[string] all/c | all/d",
		"main.go:28 New[string] e",
	)
}
