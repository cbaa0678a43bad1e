package source_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/agent"
	"github.com/typedsecret/typedsecret/source/awssm"
	"github.com/typedsecret/typedsecret/source/env"
	"github.com/typedsecret/typedsecret/source/file"
	"github.com/typedsecret/typedsecret/source/static"
)

// held are the secrets of every source below, by their IDs.
var held = map[string]string{
	"prod/db": "the service's own", "tenant/a/db": "a's", "tenant/b_c/db": "b_c's", "tenant/b_c": "b_c's too",
}

// sources makes each kind of source over the secrets held.
var sources = map[string]func(t *testing.T) secret.Source{
	"file": func(t *testing.T) secret.Source {
		return opened(t, file.New, writeFiles(t, func(id string) string { return filepath.FromSlash(id) }))
	},
	"file, as the AWS provider names them": func(t *testing.T) secret.Source {
		return opened(t, file.New, writeFiles(t, func(id string) string { return strings.ReplaceAll(id, "/", "_") }))
	},
	"env": func(t *testing.T) secret.Source {
		s := env.New("HELD_")
		for id, secret := range held {
			t.Setenv(s.Variable(id), secret)
		}
		return s
	},
	"static": func(*testing.T) secret.Source { return static.New(held) },
	"static, in JSON": func(t *testing.T) secret.Source {
		return opened(t, static.Open, writeStatic(t, "x.json", "{%s}", `"%s":"%s"`, ","))
	},
	"static, in lines": func(t *testing.T) secret.Source {
		return opened(t, static.Open, writeStatic(t, "x.env", "%s", "%s=%s", "\n"))
	},
	"awssm": func(t *testing.T) secret.Source {
		server := secrettest.New(t)
		for id, secret := range held {
			server.Seed(t, id, secret)
		}
		return opened(t, awssm.New, awssm.Client(secretsmanager.New(secretsmanager.Options{
			Region: "us-east-1", BaseEndpoint: aws.String(server.URL()),
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "key"}, nil
			}),
		})))
	},
	"agent": func(t *testing.T) secret.Source {
		t.Setenv("AWS_TOKEN", "token")
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			query := r.URL.Query()
			id := query.Get("secretId")
			query.Del("secretId")
			if r.URL.Path != "/secretsmanager/get" || query.Encode() != "" {
				t.Errorf("the ID %q made a request for %s", id, r.URL)
			}
			if held[id] == "" {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"__type":"ResourceNotFoundException","message":"none"}`)
				return
			}
			fmt.Fprintf(w, `{"Name":%q,"VersionId":"v1","SecretString":%q}`, id, held[id])
		}))
		t.Cleanup(server.Close)
		return opened(t, agent.New, agent.Config{URL: server.URL})
	},
}

func opened[S secret.Source, C any](t *testing.T, open func(C) (S, error), with C) secret.Source {
	t.Helper()
	s, err := open(with)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func writeFiles(t *testing.T, path func(id string) string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for id, secret := range held {
		p := filepath.Join(dir, path(id))
		if id == "tenant/b_c" && path("/") != "_" {
			continue // it is a directory
		}
		err := os.MkdirAll(filepath.Dir(p), 0o755)
		if err == nil {
			err = os.WriteFile(p, []byte(secret), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func writeStatic(t *testing.T, name, all, each, between string) (path string) {
	t.Helper()
	var lines []string
	for id, secret := range held {
		lines = append(lines, fmt.Sprintf(each, id, secret))
	}
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, fmt.Appendf(nil, all, strings.Join(lines, between)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// hostile are names of tenants as a request may bring them.
var hostile = []string{
	"..", ".", "", "a/", "/a", "a//", "./a", "a/.", "a/..", "../tenant/a", "x/../a", "a/../a", "../..", "../prod", "..data/a", "a\x00", "a\n",
	"/tenant/a", "/prod", `a\`, `..\prod`, "/", "//", "A", "b-c", "B_C", "b/c", "b.c", "b c", "b%5Fc", "b\u2215c", "a?", "a&versionStage=AWSPREVIOUS", "a&secretId=prod/db",
	"a#", "a%2F..", "a+", "*", "a;", "a:", "~", "$HOME", "con", "a.", "a ", "\u202ea", strings.Repeat("a", 3000), "\xff",
}

// TestATenantsNameReachesNoOtherSecret: in Secrets Manager an ID is the whole name of a
// secret, character by character, and so it must be in each source.
func TestATenantsNameReachesNoOtherSecret(t *testing.T) {
	var all sync.WaitGroup // at the same time, since a cache asks for 50 unknown IDs a second
	for name, source := range sources {
		c, err := cache.New(source(t), cache.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		all.Go(func() { reachesNoOther(t, name, c) })
	}
	all.Wait()
}

// reachesNoOther reads by the names of hostile tenants.
func reachesNoOther(t *testing.T, name string, c *cache.Cache) {
	secrets := typedsecret.NewByID[string](typedsecret.WithCache(c), typedsecret.WithCodec(codec.Text{}))
	for id, want := range held { // the IDs of the program itself, at its start
		got, err := secrets.Get(t.Context(), id)
		if isDirectory := name == "file" && id == "tenant/b_c"; !isDirectory && (got != want || err != nil) {
			t.Errorf("%s: %s: %q, %v", name, id, got, err)
		}
	}
	for _, tenant := range hostile {
		for _, id := range []string{"tenant/" + tenant + "/db", "tenant/" + tenant, tenant + "/db", tenant, "tenant/a/db" + tenant} {
			got, err := secrets.Get(t.Context(), id)
			if got != held[id] || (err == nil) != (held[id] != "") {
				t.Errorf("%s: %.60q: got %q, %v", name, id, got, err)
			}
		}
	}
}

func TestARefusedIDIsNamed(t *testing.T) {
	c, err := cache.New(sources["file"](t), cache.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = typedsecret.NewByID[string](typedsecret.WithCache(c)).Get(t.Context(), "tenant/../prod/db")
	const says = `invalid secret reference: the ID "tenant/../prod/db" has the path step ".."`
	if !errors.Is(err, typedsecret.ErrInvalidRef) || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v", err)
	}
}
