// Package page looks at the page of statuspage in a real Chromium.
package page

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/integration/browser"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/statuspage"
)

// A DB is what a secret holds.
type DB struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// values are the secrets' parts that nobody may see.
var values = []string{"Xk7qWz1mPv9t", "Jh4bNc8rLd2s", "Gf6yTu3eKo5a", "Qw0zRx7vBn1m"}

// A service has secrets in all states.
type service struct {
	url    string
	server *secrettest.Server
	cache  *cache.Cache
}

func dbValue(password string) string {
	return fmt.Sprintf(`{"username":"app","password":%q}`, password)
}

// serve starts a service with a page.
func serve(t *testing.T) *service {
	t.Helper()
	var history statuspage.History
	server, c := secrettest.NewCache(t, cache.Config{Observer: hook.Join(&history), TTL: time.Second, NoRefreshAhead: true})
	ctx := t.Context()
	get := func(g interface {
		Get(context.Context) (string, error)
	}) {
		g.Get(ctx)
	}
	set := &typedsecret.Set{Options: []typedsecret.Option{typedsecret.WithCache(c)}}
	with := typedsecret.WithSet(set)

	server.Seed(t, "prod/orders/stale", values[3])
	stale := typedsecret.New[string]("prod/orders/stale", with)
	get(stale)
	server.Seed(t, "prod/orders/idle", values[3])
	get(typedsecret.New[string]("prod/orders/idle", with))
	time.Sleep(1100 * time.Millisecond) // past the TTL
	stop := server.Fail(t, secrettest.Fault{Effect: secrettest.Unavailable()})
	get(stale)
	stop()

	server.Seed(t, "prod/orders/db", dbValue(values[0]))
	db := typedsecret.New[DB]("prod/orders/db", with)
	db.Get(ctx)
	server.Rotate(t, "prod/orders/db", dbValue(values[1]))
	db.Refresh(ctx)
	server.Rotate(t, "prod/orders/db", dbValue(values[2]))
	db.Refresh(ctx)

	server.Seed(t, "prod/payments/undecodable", dbValue(values[0]))
	undecodable := typedsecret.New[DB]("prod/payments/undecodable", with)
	undecodable.Get(ctx)
	server.Rotate(t, "prod/payments/undecodable", fmt.Sprintf(`{"username":"app","pass":%q}`, values[1]))
	undecodable.Refresh(ctx)

	server.Seed(t, "prod/orders/rejected", values[2])
	typedsecret.New[string]("prod/orders/rejected", with, typedsecret.WithRetryBudget(0)).
		Do(ctx, func(context.Context, string) error { return typedsecret.Rejected(context.Canceled) })

	get(typedsecret.New[string]("prod/payments/missing-with-a-rather-long-name/that/has/to/be-broken-somewhere", with))
	typedsecret.New[string]("prod/orders/never-read", with)
	typedsecret.New[struct{ a int }]("prod/orders/misused", with)
	byID := typedsecret.NewByID[string](typedsecret.WithCache(c))
	for i := range 3 {
		id := fmt.Sprintf("tenants/%d/key", i+1)
		server.Seed(t, id, values[3])
		byID.Get(ctx, id)
	}

	web := httptest.NewServer(statuspage.New(statuspage.Config{
		Title: "checkout", Sets: []*typedsecret.Set{set}, Caches: []*cache.Cache{c}, History: &history, Refresh: true,
	}))
	t.Cleanup(web.Close)
	return &service{url: web.URL, server: server, cache: c}
}

// picture returns where a screenshot goes: STATUSPAGE_PICTURES, or nowhere that lasts.
func picture(t *testing.T, name string) string {
	dir := os.Getenv("STATUSPAGE_PICTURES")
	if dir == "" {
		dir = t.TempDir()
	}
	return filepath.Join(dir, name+".png")
}

// views are the ways to look at the page.
var views = map[string]browser.View{
	"light":       {},
	"dark":        {Dark: true},
	"phone":       {Width: 360, Height: 740, Phone: true},
	"phone-dark":  {Width: 360, Height: 740, Phone: true, Dark: true},
	"narrow":      {Width: 320, Height: 640, Phone: true},
	"wide screen": {Width: 2000, Height: 1000},
}

const openAll = "document.querySelectorAll('details').forEach(d => { d.open = true }), true"

func TestThePageIsWellToLookAt(t *testing.T) {
	s, b := serve(t), browser.New(t)
	for name, v := range views {
		tab := b.Open(t, s.url, v)
		tab.Screenshot(picture(t, name))
		tab.Eval(openAll, nil)
		tab.Screenshot(picture(t, name+"-open"))
		var overflow []string
		tab.Eval(`[...document.querySelectorAll('body, body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5 && !e.closest('svg, .quiet')).map(e => e.outerHTML.slice(0, 80))`, &overflow)
		if len(overflow) > 0 {
			t.Errorf("%s: beyond the right edge: %q", name, overflow)
		}
		var ground string
		tab.Eval(`getComputedStyle(document.body).backgroundColor`, &ground)
		if isDark := strings.HasPrefix(ground, "rgb(1"); isDark != v.Dark {
			t.Errorf("%s: the ground is %s", name, ground)
		}
	}
}

// TestTheDOMHoldsNoSecret in pieces of four bytes, in texts and attributes, as shown and encoded.
func TestTheDOMHoldsNoSecret(t *testing.T) {
	s, b := serve(t), browser.New(t)
	tab := b.Open(t, s.url, browser.View{})
	var dom, json, text string
	tab.Eval(`document.documentElement.outerHTML`, &dom)
	if !strings.Contains(dom, "prod/orders/db") {
		t.Fatal("the page shows nothing")
	}
	tab.Navigate(s.url + "?format=json")
	tab.Eval(`document.body.innerText`, &json)
	tab.Navigate(s.url + "?format=text")
	tab.Eval(`document.body.innerText`, &text)
	for _, value := range values {
		for i := range len(value) - 3 {
			for of, shown := range map[string]string{"page": dom, "JSON": json, "text": text} {
				if piece := value[i : i+4]; strings.Contains(shown, piece) {
					t.Errorf("the %s holds %q", of, piece)
				}
			}
		}
	}
}

// TestAxeFindsNoFault: axe-core looks for what keeps people from using the page.
func TestAxeFindsNoFault(t *testing.T) {
	path := os.Getenv("AXE_CORE")
	if path == "" {
		t.Fatal("AXE_CORE is not set: fetch axe.min.js, as .ci/install.sh does, and set AXE_CORE to its path")
	}
	axe, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, b := serve(t), browser.New(t)
	for name, v := range views {
		for _, query := range []string{"", "?state=fresh&q=db", "?q=nothing"} {
			tab := b.Open(t, s.url+query, v)
			tab.Eval(openAll, nil)
			tab.Eval(string(axe)+"; true", nil)
			var faults []struct {
				ID    string
				Help  string
				Nodes []struct{ HTML string }
			}
			tab.Eval(`axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then(r => r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => ({html: n.html + ' ' + n.failureSummary}))})))`, &faults)
			for _, f := range faults {
				t.Errorf("%s%s: %s: %s: %s", name, query, f.ID, f.Help, f.Nodes)
			}
		}
	}
}

// TestRefreshByKeyboard: a user without a mouse finds the button, and comes back to the row.
func TestRefreshByKeyboard(t *testing.T) {
	s, b := serve(t), browser.New(t)
	tab := b.Open(t, s.url+"?q=orders/db", browser.View{})
	before := s.server.CallsFor("prod/orders/db")
	for range 30 {
		var focused string
		if tab.Press("Tab"); true {
			tab.Eval(`document.activeElement.textContent`, &focused)
		}
		if strings.HasPrefix(focused, "Refresh now") {
			break
		}
	}
	tab.Press("Enter")
	tab.Await("location.hash.includes('orders')")
	tab.Await("document.readyState == 'complete'")
	if n := s.server.CallsFor("prod/orders/db"); n != before+1 {
		t.Errorf("%d fetches", n-before)
	}
	var shown string
	tab.Eval(`document.querySelector('article:target').innerText`, &shown)
	if !strings.Contains(shown, "prod/orders/db") {
		t.Errorf("the browser is led to %q", shown)
	}
}

// TestAnotherSiteCanNotRefresh, nor read the page.
func TestAnotherSiteCanNotRefresh(t *testing.T) {
	s, b := serve(t), browser.New(t)
	other := serve(t) // another port is another origin
	before := s.server.Calls()
	tab := b.Open(t, other.url, browser.View{Scripts: true})
	var answer string
	tab.Eval(fmt.Sprintf(`fetch(%q, {method: 'POST', mode: 'no-cors', body: new URLSearchParams({id: 'prod/orders/db', stage: 'AWSCURRENT'})}).then(r => r.type, e => 'refused')`, s.url), &answer)
	if s.server.Calls() != before {
		t.Errorf("another site has refreshed a secret: %s", answer)
	}
	tab.Eval(fmt.Sprintf(`fetch(%q).then(r => r.text(), e => 'refused')`, s.url), &answer)
	if answer != "refused" {
		t.Errorf("another site has read the page: %s", answer)
	}
}
