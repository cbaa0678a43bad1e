package statuspage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
	"github.com/typedsecret/typedsecret/statuspage"
)

type creds struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// A program has a set of handles over a cache, and a page of both.
type program struct {
	server *secrettest.Server
	cache  *cache.Cache
	set    *typedsecret.Set
	page   *statuspage.Page
}

func newProgram(t *testing.T) *program {
	t.Helper()
	p := &program{set: &typedsecret.Set{}}
	history := &statuspage.History{}
	p.server, p.cache = secrettest.NewCache(t, cache.Config{Observer: history, NoRefreshAhead: true})
	p.set.Options = []typedsecret.Option{typedsecret.WithCache(p.cache)}
	p.page = statuspage.New(statuspage.Config{
		Title: "checkout", Sets: []*typedsecret.Set{p.set}, Caches: []*cache.Cache{p.cache}, History: history, Refresh: true,
	})
	return p
}

func (p *program) get(format string) string {
	w := httptest.NewRecorder()
	p.page.ServeHTTP(w, request(http.MethodGet, "/?format="+format, ""))
	return w.Body.String()
}

func (p *program) post(form url.Values, header ...string) *httptest.ResponseRecorder {
	r := request(http.MethodPost, "/?q=db", form.Encode())
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return serve(p.page, r)
}

func TestThePageSaysHowItStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgram(t)
		p.server.Seed(t, "prod/db", `{"username":"app","password":"Xk7qWz1mPv9t"}`)
		db := typedsecret.New[creds]("prod/db", typedsecret.WithSet(p.set))
		again := typedsecret.New[creds]("prod/db", typedsecret.WithSet(p.set))
		missing := typedsecret.New[string]("prod/missing", typedsecret.WithSet(p.set))
		typedsecret.New[string]("prod/unread", typedsecret.WithSet(p.set))
		p.server.Seed(t, "tenants/1", "Qw0zRx7vBn1m")
		typedsecret.NewByID[string](typedsecret.WithCache(p.cache)).Get(t.Context(), "tenants/1")
		db.Get(t.Context())
		again.Get(t.Context())
		missing.Get(t.Context())
		time.Sleep(12 * time.Minute)

		text := p.get("text")
		for _, want := range []string{
			"checkout, 2000-01-01T00:12:00Z\n1 of 4 secrets needs to be looked at.\n",
			"absent  prod/missing  -       -   ",
			"fresh   prod/db       12 min  ",
			"absent  prod/unread   -  ",
			"fresh   tenants/1     12 min  ",
			"statuspage_test.creds, statuspage_test.creds\n",
			"There is no value. Fetching it failed: secret not found: ",
			"cache over *awssm.Source: 3 secrets, 2 of 1024 by ID; 2 fetches, 0 under way, 0 waiting",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the text lacks %q:\n%s", want, text)
			}
		}
		var report struct {
			States  map[string]int
			Secrets []map[string]any
			Caches  []map[string]any
		}
		if err := json.Unmarshal([]byte(p.get("json")), &report); err != nil {
			t.Fatal(err)
		}
		if len(report.Secrets) != 4 || report.States["fresh"] != 2 || report.States["absent"] != 2 || len(report.Caches) != 1 {
			t.Errorf("%+v", report)
		}
		for _, s := range report.Secrets {
			handles, _ := s["handles"].([]any)
			events, _ := s["events"].([]any)
			if want := map[string][2]int{"prod/db": {2, 1}, "prod/missing": {1, 1}, "prod/unread": {1, 0}, "tenants/1": {0, 1}}[s["id"].(string)]; len(handles) != want[0] || len(events) != want[1] {
				t.Errorf("%v", s)
			}
		}
		if report.Caches[0]["secrets"] != nil || report.Caches[0]["fetches"] != 2.0 {
			t.Errorf("%v", report.Caches)
		}
	})
}

// TestNoFormatShowsAPieceOfASecret of four bytes, whatever went wrong with it.
func TestNoFormatShowsAPieceOfASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgram(t)
		values := []string{"Xk7qWz1mPv9t", "Jh4bNc8rLd2s", "Gf6yTu3eKo5a"}
		p.server.Seed(t, "prod/db", fmt.Sprintf(`{"username":"app","password":%q}`, values[0]))
		db := typedsecret.New[creds]("prod/db", typedsecret.WithSet(p.set), typedsecret.WithRetryBudget(0))
		db.Get(t.Context())
		p.server.Rotate(t, "prod/db", fmt.Sprintf(`{"username":"app","password":%q, "%s"}`, values[1], values[2]))
		db.Refresh(t.Context())
		db.Do(t.Context(), func(context.Context, creds) error { return typedsecret.Rejected(errors.New("no")) })
		p.server.Rotate(t, "prod/db", values[2])
		db.Refresh(t.Context())
		for _, format := range []string{"html", "json", "text"} {
			shown := p.get(format)
			if !strings.Contains(shown, "does not decode as statuspage_test.creds") {
				t.Errorf("%s:\n%s", format, shown)
			}
			for _, value := range values {
				for i := range len(value) - 3 {
					if piece := value[i : i+4]; strings.Contains(shown, piece) {
						t.Errorf("%s shows %q", format, piece)
					}
				}
			}
		}
	})
}

// TestThePageSaysThatTheSourceIsDown and since when, above all secrets, and that it is closed.
func TestThePageSaysThatTheSourceIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgram(t)
		for _, name := range []string{"prod/db", "prod/key"} {
			p.server.Seed(t, name, "Qw0zRx7vBn1m")
			typedsecret.New[string](name, typedsecret.WithSet(p.set))
		}
		if err := p.set.Preload(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.server.Fail(t, secrettest.Fault{Effect: secrettest.Unavailable()})
		for range 10 {
			time.Sleep(time.Hour)
			_ = p.set.Preload(t.Context())
		}
		for format, wants := range map[string][]string{
			"text": {"to be looked at.\nThe source can't answer. It went down 8 h ago: ", " times in a row, first "},
			"html": {`<p class="alert outage">The source can&#39;t answer. It went down 8 h ago: `, "<dt>Source</dt><dd>down for 8 h</dd>"},
			"json": {`"down": true,`, `"failing_since": "2000-01-01T0`},
		} {
			got := p.get(format)
			for _, want := range wants {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
		}
		p.cache.Close()
		got := p.get("text")
		for _, want := range []string{"2 of 2 secrets need to be looked at.\n\n", "closed  prod/db ", "Its cache was closed, so each read is an error."} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
	})
}

func TestNamesAreEscaped(t *testing.T) {
	_, c := secrettest.NewCache(t)
	const bad = "<script>alert(1)</script>\x1b[31m\""
	p := statuspage.New(statuspage.Config{
		Title: bad, Refresh: true,
		Handles: []typedsecret.Handle{typedsecret.New[string](bad, typedsecret.WithCache(c)), nil, (*typedsecret.Secret[string])(nil)},
		Sets:    []*typedsecret.Set{nil}, Caches: []*cache.Cache{nil},
	})
	query := "&q=" + url.QueryEscape(`"><script>`) + "&state=" + url.QueryEscape(`"><script>`)
	for _, target := range []string{"/?format=html", "/?format=text", "/?format=html" + query} {
		w := serve(p, request(http.MethodGet, target, ""))
		body := w.Body.String()
		if w.Code != http.StatusOK || strings.Contains(target, "html") && strings.Contains(body, "<script") || strings.Contains(body, "\x1b") && strings.Contains(target, "text") {
			t.Errorf("%s: %d\n%s", target, w.Code, body)
		}
	}
}

// TestThousandsOfSecretsAreNotShownAtOnce but counted, and found by name.
func TestThousandsOfSecretsAreNotShownAtOnce(t *testing.T) {
	set := &typedsecret.Set{}
	for i := range 1000 {
		typedsecret.New[string](fmt.Sprintf("tenants/%d/key", i), typedsecret.WithSet(set))
	}
	p := statuspage.New(statuspage.Config{Sets: []*typedsecret.Set{set}})
	page := serve(p, request(http.MethodGet, "/?format=html", "")).Body.String()
	if n := strings.Count(page, "<article"); n != 200 || !strings.Contains(page, "800 more secrets are not shown") {
		t.Errorf("%d secrets are shown", n)
	}
	page = serve(p, request(http.MethodGet, "/?format=html&q=TENANTS/999", "")).Body.String()
	if n := strings.Count(page, "<article"); n != 1 {
		t.Errorf("%d secrets are found", n)
	}
}

// TestTwoRegionsAreTwoRows, although the secrets have one name.
func TestTwoRegionsAreTwoRows(t *testing.T) {
	cfg := statuspage.Config{}
	for _, region := range []string{"eu-west-1", "us-east-1"} {
		server, err := secrettest.Start(secrettest.Config{Region: region})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		server.Seed(t, "prod/key", region)
		client := secretsmanager.New(secretsmanager.Options{
			Region: region, HTTPClient: server.Client(),
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
			}),
		})
		source, err := awssm.New(client)
		if err != nil {
			t.Fatal(err)
		}
		c, err := cache.New(source, cache.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		key := typedsecret.New[string]("prod/key", typedsecret.WithCache(c))
		key.Get(t.Context())
		missing := typedsecret.New[string]("prod/missing", typedsecret.WithCache(c))
		missing.Get(t.Context())
		cfg.Handles = append(cfg.Handles, missing)
		cfg.Caches, cfg.Handles = append(cfg.Caches, c), append(cfg.Handles, key)
	}
	page := serve(statuspage.New(cfg), request(http.MethodGet, "/?format=html", "")).Body.String()
	if n := strings.Count(page, "<article"); n != 4 || strings.Count(page, `"state fresh"`) != 3 || strings.Contains(page, "by ID</dd>") {
		t.Errorf("%d rows:\n%s", n, serve(statuspage.New(cfg), request(http.MethodGet, "/", "")).Body)
	}
}
