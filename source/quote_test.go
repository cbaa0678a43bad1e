package source_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source"
	"github.com/typedsecret/typedsecret/source/env"
	"github.com/typedsecret/typedsecret/source/file"
	"github.com/typedsecret/typedsecret/source/static"
)

// planted is a secret of which no piece is a word of an error, in forms that each break
// another syntax.
var planted = []string{"Zq7!Xw9@Kv3#Jp5$", `Zq7"Xw9\Kv3{Jp5'`, "Zq7:Xw9=Kv3/Jp5,"}

// quoted returns four bytes of a secret that an error shows, if it does.
func quoted(err error, hidden string) (piece string) {
	if err == nil {
		return ""
	}
	text := fmt.Sprintf("%v %+v %#v %q", err, err, err, err)
	for i := range len(hidden) - 3 {
		if strings.Contains(text, hidden[i:i+4]) {
			return hidden[i : i+4]
		}
	}
	return ""
}

// mutants are what becomes of a document by a slip of the hand: a secret at each
// position, in place of what was there or beside it, and the end cut off.
func mutants(document, hidden string) (all []string) {
	for i := range len(document) + 1 {
		all = append(all, document[:i]+hidden, document[:i]+hidden+document[i:])
		for _, n := range []int{1, 2} {
			if i+n <= len(document) {
				all = append(all, document[:i]+hidden+document[i+n:])
			}
		}
	}
	return all
}

func TestNoErrorQuotesWhatASettingMayHold(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, setting := range []string{
		"static:dev.json", "static:dir/dev.env", `static:{"db": "x"}`, "static:db=x", "file:/mnt/secrets", "env:SECRET_", "aws:eu-west-1", "agent:",
		"agent:http://user:pass@localhost:2773/path?query=x#f", "agent:https://agent.internal", "failover:eu-west-1,eu-central-1",
		"failover:eu-west-1,eu-west-1", "vault:kv/db", "prod/db", "static:dev.json?prefix=staging/&ttl=10s",
		"aws:?role=arn:aws:iam::123456789012:role/reader", "agent:?refreshNow=true",
	} {
		for _, hidden := range planted {
			for _, mutant := range mutants(setting, hidden) {
				s, err := source.Open(t.Context(), mutant)
				if piece := quoted(err, hidden); piece != "" {
					t.Errorf("%s: the error quotes %q: %v", mutant, piece, err)
				}
				if err != nil || strings.HasPrefix(mutant, "agent:") || strings.HasPrefix(mutant, "aws:") || strings.HasPrefix(mutant, "failover:") {
					continue // there would be requests
				}
				_, err = s.Fetch(t.Context(), secret.Ref{ID: "prod/db"})
				if piece := quoted(err, hidden); piece != "" {
					t.Errorf("%s: the error of Fetch quotes %q: %v", mutant, piece, err)
				}
			}
		}
	}
}

func TestNoErrorQuotesWhatAFileMayHold(t *testing.T) {
	dir := t.TempDir()
	for name, document := range map[string]string{
		"dev.json": `{"prod/db": {"port": 5432, "hosts": ["a", null]}, "prod/key": "a\u00e9", "n": -1.5e3, "on": true}`,
		"dev.env":  "# dev\nexport prod/db=one\nB='two' # 2\n\nC=\"th\\nree\"\n",
	} {
		path := filepath.Join(dir, name)
		for _, hidden := range planted {
			for _, mutant := range mutants(document, hidden) {
				if err := os.WriteFile(path, []byte(mutant), 0o600); err != nil {
					t.Fatal(err)
				}
				s, err := static.Open(path)
				if err == nil {
					_, err = s.Fetch(t.Context(), secret.Ref{ID: "none"})
				}
				if piece := quoted(err, hidden); piece != "" {
					t.Errorf("%q: the error quotes %q: %v", mutant, piece, err)
				}
			}
		}
	}
}

func TestNoErrorQuotesWhatAVariableOrAFileOfOneSecretHolds(t *testing.T) {
	dir := t.TempDir()
	files, err := file.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range planted {
		t.Setenv("SECRET_DB", hidden)
		for name, content := range map[string]string{"db": hidden, "huge": strings.Repeat(hidden, file.MaxSize/len(hidden)+1)} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for name, s := range map[string]secret.Source{"env": env.New("SECRET_"), "file": files} {
			for _, ref := range []secret.Ref{{ID: "db"}, {ID: "db/x"}, {ID: "huge"}, {ID: "db", Stage: "AWSPREVIOUS"}, {ID: "DB"}, {ID: "db/.."}} {
				_, err := s.Fetch(t.Context(), ref)
				if piece := quoted(err, hidden); piece != "" {
					t.Errorf("%s, %v: the error quotes %q: %v", name, ref, piece, err)
				}
			}
		}
	}
}
