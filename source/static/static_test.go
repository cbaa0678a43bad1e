package static_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/sourcetest"
	"github.com/typedsecret/typedsecret/source/static"
)

func TestConformance(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dev.json")
	secrets := map[string]string{}
	write := func(t testing.TB) {
		t.Helper()
		data, err := json.Marshal(secrets)
		if err == nil {
			err = os.WriteFile(path+".new", data, 0o600)
		}
		if err == nil {
			err = os.Rename(path+".new", path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(t testing.TB, id, value string) {
		secrets[id] = value
		write(t)
	}
	write(t)
	source, err := static.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	replaced := func(content func(data []byte) []byte) func(testing.TB) func() {
		return func(t testing.TB) func() {
			data, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, content(data), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			return func() { write(t) }
		}
	}
	sourcetest.Run(t, sourcetest.Harness{
		Source: source, Put: put, Rotate: put, Empty: true,
		Remove: func(t testing.TB, id string) {
			delete(secrets, id)
			write(t)
		},
		Failures: map[sourcetest.Failure]func(testing.TB) func(){
			sourcetest.Unreachable: func(t testing.TB) func() {
				os.Remove(path)
				return func() { write(t) }
			},
			sourcetest.Garbled: replaced(func(data []byte) []byte { return append(data, data...) }),
			sourcetest.CutOff:  replaced(func(data []byte) []byte { return data[:len(data)-3] }),
		},
	})
}

// openFile opens a file of this name and content.
func openFile(t *testing.T, name, content string) (*static.Source, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return static.Open(path)
}

func TestWhatAFileMeans(t *testing.T) {
	for name, row := range map[string]struct {
		file, content string
		want          map[string]string
	}{
		"strings": {"dev.json", `{"a":"one","b/c":"\u00e9\n"}`, map[string]string{"a": "one", "b/c": "é\n"}},
		"objects": {"dev.json", `{"db": {"port" : 5432,  "x":[1]}, "n": 12, "t":true }`, map[string]string{"db": `{"port" : 5432,  "x":[1]}`, "n": "12", "t": "true"}},
		"lines": {
			"dev.env", "# dev\nprod/a=one\n\nexport B = two words # three\n C='sin gle # '\nD=\"a\\n\\\"b\\\\\" # x\nE=\nF=a#b\nG=#c\r\nH={\"x\":1}\nI==\nJ=x\t# y\n",
			map[string]string{"prod/a": "one", "B": "two words", "C": "sin gle # ", "D": "a\n\"b\\", "E": "", "F": "a#b", "G": "", "H": `{"x":1}`, "I": "=", "J": "x"},
		},
		"a BOM in JSON":      {"dev.json", "\ufeff{\"a\":\"one\"}", map[string]string{"a": "one"}},
		"a BOM before lines": {"dev.env", "\ufeffa=one", map[string]string{"a": "one"}},
		"an ARN":             {"dev.json", `{"prod/db":"x"}`, map[string]string{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1B2c3": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			source, err := openFile(t, row.file, row.content)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for id := range row.want {
				v, err := source.Fetch(t.Context(), secret.Ref{ID: id})
				if err != nil {
					t.Error(err)
				}
				got[id] = v.Payload.Reveal()
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPathThatIsNoneIsNotQuoted(t *testing.T) {
	for _, path := range []string{"hunter2", "db=hunter2", "hunter2!.json", "prod/db=hunter2.env", `"hunter2"`, "db: hunter2\n"} {
		if _, err := static.Open(path); err == nil || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestWhatIsRefusedAndWhere(t *testing.T) {
	for name, row := range map[string]struct{ file, content, says string }{
		"a list":                   {"x.json", "[\"hunter2\"]", "line 1, column 1: a { is expected"},
		"nothing":                  {"x.json", "", "line 1, column 1: a { is expected"},
		"a secret twice":           {"x.json", "{\"a\":\"hunter2\",\n\"a\":\"hunter3\"}", "line 2, column 1: another ID is expected: this one is at line 1, column 2 already"},
		"a secret for a key":       {"x.json", "{\"a\": \"b\",\n \"hunter2\"}", "line 2, column 11: a colon is wanted"},
		"a secret twice for a key": {"x.json", "{\"hunter2\": 1, \"hunter2\": 2}", "line 1, column 16: another ID is expected"},
		"no end":                   {"x.json", `{"a":"hunter2"`, "line 1, column 15: the JSON ends too early"},
		"no value":                 {"x.json", "{\n\"a\": hunter2}", "line 2, column 6: this is not JSON; a value is expected"},
		"something after it":       {"x.json", `{"a":"hunter2"}{`, "line 1, column 16: there is more behind the JSON value"},
		"another encoding":         {"x.json", "{\n\"a\":\"hunter\xe92\"}", "line 2, column 12: a string is not valid UTF-8"},
		"half a pair":              {"x.json", `{"a":"hunter2\ud800"}`, "line 1, column 14: half of a surrogate pair"},
		"no =":                     {"x.env", "\nhunter2", "line 2, column 1: ID=VALUE is expected"},
		"no ID":                    {"x.env", "=hunter2", "line 1, column 1: ID=VALUE is expected"},
		"a line twice":             {"x.env", "a=hunter2\na=hunter2", "line 2, column 1: another ID is expected: this one is in line 1 already"},
		"a key of lines":           {"x.env", "a=-----BEGIN KEY-----\nhunter2==\nhunter2==", "line 1, column 3: a key or certificate is expected in double quotes"},
		"such lines alone":         {"x.env", "\nhunter2==\nhunter2==", "line 3, column 1: another ID is expected"},
		"no closing quote":         {"x.env", `a="hunter2`, "line 1, column 3: a closing quote is expected"},
		"after the quote":          {"x.env", `a='hunter2'3`, "line 1, column 12: the end of the line or a # is expected"},
		"an escape":                {"x.env", `a="hunter\2"`, "line 1, column 10: one of n, t, r, "},
		"another extension":        {"x.yaml", "a: hunter2", "x.yaml ends in neither .json nor .env"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openFile(t, row.file, row.content)
			if err == nil || !strings.Contains(err.Error(), row.says) || !strings.Contains(err.Error(), row.file) || strings.Contains(err.Error(), "hunter") {
				t.Errorf("got %v, want it to say %q", err, row.says)
			}
		})
	}
	for name, like := range map[string]string{"no-such.json": `{"prod/api-key": "…"}`, "no-such.env": "prod/api-key=…"} {
		_, err := static.Open(name)
		if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), like) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnARNIsOfTheSecretWhoseWholeNameItHas(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
	source := static.New(map[string]string{"db": "not this", "db-master": "this", "x": "nor this", arn + "x-a1B2c3": "this"})
	for id, name := range map[string]string{arn + "db-master": "db-master", arn + "x-a1B2c3": ""} {
		v, err := source.Fetch(t.Context(), secret.Ref{ID: id})
		if v.Payload.Reveal() != "this" || v.Name != name || err != nil {
			t.Errorf("%s: %+v, %v", id, v, err)
		}
	}
}

func TestAKeyIsOfOneARN(t *testing.T) {
	const here, there = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:", "arn:aws:secretsmanager:eu-west-1:999999999999:secret:"
	source := static.New(map[string]string{"prod/db": "here's", there + "prod/api": "there's", "prod/api": "here's"})
	for _, row := range []struct{ id, want string }{
		{here + "prod/db-a1B2c3", "here's"},
		{there + "prod/db-a1B2c3", ""}, // which is another secret
		{here + "prod/db-d4E5f6", ""},  // and so is this
		{here + "prod/db", "here's"},
		{"prod/db", "here's"},
		{there + "prod/api", "there's"}, // whose whole ARN is a key
		{here + "prod/api", "here's"},
	} {
		v, err := source.Fetch(t.Context(), secret.Ref{ID: row.id})
		if v.Payload.Reveal() != row.want || (row.want == "") != errors.Is(err, secret.ErrInvalidRef) {
			t.Errorf("%s: %q, %v, want %q", row.id, v.Payload.Reveal(), err, row.want)
		}
	}
}

func ExampleNew() {
	source := static.New(map[string]string{"prod/api-key": "hunter2"})
	v, err := source.Fetch(context.Background(), secret.Ref{ID: "prod/api-key"})
	fmt.Println(v.Payload.Reveal(), err)
	// Output: hunter2 <nil>
}

func ExampleOpen() {
	source, err := static.Open("testdata/dev.json")
	if err != nil {
		panic(err)
	}
	v, err := source.Fetch(context.Background(), secret.Ref{ID: "prod/db"})
	fmt.Println(v.Payload.Reveal(), err)
	// Output: {"username": "app", "password": "dev", "host": "localhost", "port": 5432} <nil>
}
