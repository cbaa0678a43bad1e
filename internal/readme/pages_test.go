package readme

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages returns the Markdown files of the repository, relative to its root, but for
// those that testdata has.
func pages(t *testing.T) (names []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "*/*.md", "*/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			if name = filepath.ToSlash(name); !strings.Contains(name, "testdata/") {
				names = append(names, name)
			}
		}
	}
	if len(names) < 20 {
		t.Fatalf("only %d pages were found", len(names))
	}
	return names
}

func text(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestTheCodeOfAllPagesIsTakenFromCodeThatCompiles: the examples of this repository, and
// bench/internal/migrating for what needs other libraries.
func TestTheCodeOfAllPagesIsTakenFromCodeThatCompiles(t *testing.T) {
	running, err := read(root, slices.Concat(sources, more))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages(t) {
		files, err := sourcesOf(root, page, running)
		if err != nil {
			t.Error(err)
		}
		if len(files) > 0 {
			t.Log(page, files)
		}
	}
}

// fence is a block of code and its language.
var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// TestTheOtherCodeOfAllPagesMakesSense: JSON is JSON, and a line of shell that runs a program
// of this repository names one that is there.
func TestTheOtherCodeOfAllPagesMakesSense(t *testing.T) {
	directory := regexp.MustCompile(`^cd ([\w/]+) && `)
	program := regexp.MustCompile(`(?:go run|go test)(?: -\S+(?: '[^']*')?)* (\.[\w./]*)`)
	seen := 0
	for _, page := range pages(t) {
		for _, block := range fence.FindAllStringSubmatch(text(t, page), -1) {
			switch language, code := block[1], block[2]; language {
			case "json":
				if !json.Valid([]byte(code)) {
					t.Errorf("%s: no JSON:\n%s", page, code)
				}
			case "sh":
				for line := range strings.Lines(code) {
					in := filepath.Dir(page)
					if in != "bench" && in != "integration" || strings.HasPrefix(line, "cd ") {
						in = "."
					}
					if m := directory.FindStringSubmatch(line); m != nil {
						in = m[1]
					}
					for _, m := range program.FindAllStringSubmatch(line, -1) {
						seen++
						dir := filepath.Join(root, in, strings.TrimSuffix(m[1], "..."))
						if files, err := filepath.Glob(filepath.Join(dir, "*.go")); err != nil || len(files) == 0 {
							t.Errorf("%s: no Go code in %s: %s", page, dir, line)
						}
					}
				}
			case "go", "", "python", "yaml", "text":
			default:
				t.Errorf("%s: nothing checks a block of %s", page, language)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d programs were found", seen)
	}
}

// TestTheFirstProgramOfTheReadmeRuns as the README says, with a file in place of AWS.
func TestTheFirstProgramOfTheReadmeRuns(t *testing.T) {
	var secrets string
	for _, block := range fence.FindAllStringSubmatch(text(t, "README.md"), -1) {
		if block[1] == "json" && secrets == "" {
			secrets = block[2]
		}
	}
	file := filepath.Join(t.TempDir(), "dev.json")
	if err := os.WriteFile(file, []byte(secrets), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "./examples/first")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "TYPEDSECRET_SOURCE=static:"+file)
	out, err := cmd.CombinedOutput()
	if want := "app@localhost:5432\n"; err != nil || string(out) != want {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}

// prose returns the words of a page beside its blocks of code and its tables.
func prose(markdown string) (words int) {
	for line := range strings.Lines(fence.ReplaceAllString(markdown, "")) {
		if !strings.HasPrefix(strings.TrimSpace(line), "|") {
			words += len(strings.Fields(line))
		}
	}
	return words
}

func TestProseIsCounted(t *testing.T) {
	const page = "# One two\n\n```go\nx := 1\n```\n\n- three [four](five six)\n\n| a | b |\n| --- | --- |\n"
	if n := prose(page); n != 7 { // "#" and "-" count too
		t.Errorf("%d words", n)
	}
}

// TestTheReadmeIsShort: a newcomer reads it in five minutes. All else has
// a page in docs/.
func TestTheReadmeIsShort(t *testing.T) {
	const most = 900
	if n := prose(text(t, "README.md")); n > most {
		t.Errorf("README.md has %d words beside code and tables; the most are %d: move some to a page in docs/", n, most)
	}
	for _, page := range pages(t) {
		if strings.HasPrefix(page, "docs/") {
			t.Logf("%s: %d words", page, prose(text(t, page)))
		}
	}
}

// TestTheIndexNamesEachPage of docs/.
func TestTheIndexNamesEachPage(t *testing.T) {
	index := text(t, "docs/README.md")
	for _, page := range pages(t) {
		name, ok := strings.CutPrefix(page, "docs/")
		if ok && name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("docs/README.md does not link %s", name)
		}
	}
}

// TestTheNamesInThePagesExist: what a page calls cache.Config is in the public API.
func TestTheNamesInThePagesExist(t *testing.T) {
	api := apiNames(t)
	named := regexp.MustCompile("`\\*?(typedsecret|cache|secret|secrettest|hook|notify|status|codec|backoff|rejected|sqlsecret|httpsecret|tlssecret|awssm|agent|failover|file|env|static|sourcetest|source)\\.([A-Z]\\w*)(?:\\.([A-Z]\\w*))?")
	option := regexp.MustCompile("`(With[A-Z]\\w*)")
	seen := 0
	for _, page := range pages(t) {
		if strings.HasPrefix(page, "bench/") || strings.HasPrefix(page, "integration/") {
			continue // they have names of packages of their own
		}
		body := text(t, page)
		if page == "CHANGELOG.md" { // the first cell of a row has the name that was
			body = regexp.MustCompile(`(?m)^\|.*? \|`).ReplaceAllString(body, "")
		}
		for _, m := range named.FindAllStringSubmatch(body, -1) {
			seen++
			if !slices.Contains(api[m[1]], m[2]) || m[3] != "" && !slices.Contains(api[m[1]], m[2]+"."+m[3]) {
				t.Errorf("%s: %s is not in api.txt", page, m[0][1:])
			}
		}
		for _, m := range option.FindAllStringSubmatch(body, -1) {
			seen++
			if !slices.Contains(api["typedsecret"], m[1]) && m[1] != "WithSealedFile" {
				t.Errorf("%s: there is no option %s in api.txt", page, m[1])
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d names were found", seen)
	}
}

// apiNames returns what each package has by api.txt: names, and Type.Method or Type.Field.
func apiNames(t *testing.T) map[string][]string {
	t.Helper()
	names := map[string][]string{}
	top := regexp.MustCompile(`^(?:func|type|const|var) (\w+)`)
	method := regexp.MustCompile(`^func \(\w+ \*?(\w+)(?:\[.*?\])?\) (\w+)`)
	member := regexp.MustCompile(`^\t(\w+(?:, \w+)*)`)
	var pkg, within string
	for line := range strings.Lines(text(t, "api.txt")) {
		if name, ok := strings.CutPrefix(line, "package "); ok {
			pkg, _, _ = strings.Cut(name, " ")
			continue
		}
		if m := method.FindStringSubmatch(line); m != nil {
			names[pkg] = append(names[pkg], m[1]+"."+m[2])
		} else if m := top.FindStringSubmatch(line); m != nil {
			names[pkg] = append(names[pkg], m[1])
			within = m[1] + "."
		} else if strings.HasSuffix(line, " (\n") {
			within = ""
		} else if m := member.FindStringSubmatch(line); m != nil {
			for name := range strings.SplitSeq(m[1], ", ") {
				names[pkg] = append(names[pkg], within+name)
			}
		}
	}
	for _, want := range []string{"Config.TTL", "Cache.Close", "MaxStale", "ErrInvalidConfig"} {
		if !slices.Contains(names["cache"], want) {
			t.Fatal(fmt.Errorf("api.txt was read wrongly: cache has no %s: %v", want, names["cache"]))
		}
	}
	return names
}
