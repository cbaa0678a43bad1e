package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/integration/browser"
)

// serve serves the page of a program that has just started.
func serve(t *testing.T) (*program, string) {
	t.Helper()
	p := newProgram(t)
	p.read(t.Context())
	web := httptest.NewServer(p.page)
	t.Cleanup(web.Close)
	return p, web.URL
}

// TestRefreshByKeyboard: a user without a mouse finds the button, and comes back to the row.
func TestRefreshByKeyboard(t *testing.T) {
	p, url := serve(t)
	tab := browser.New(t).Open(t, url+"?q=orders/db", browser.View{})
	before := p.server.CallsFor("prod/orders/db")
	focused := ""
	for range 30 {
		if strings.HasPrefix(focused, "Refresh now") {
			break
		}
		tab.Press("Tab")
		tab.Eval(`document.activeElement.textContent`, &focused)
	}
	tab.Press("Enter")
	tab.Await(`document.readyState == 'complete' && document.querySelector('article:target') != null`)
	if n := p.server.CallsFor("prod/orders/db"); n != before+1 {
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
	p, url := serve(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<form method="post" action="%s"><input name="id" value="prod/orders/db"><input name="stage" value="AWSCURRENT"><button>Win</button></form>`, url)
	}))
	t.Cleanup(other.Close)
	before := p.server.Calls()
	tab := browser.New(t).Open(t, other.URL, browser.View{Scripts: true})
	var answer string
	tab.Eval(fmt.Sprintf(`fetch(%q).then(r => r.text(), e => 'refused')`, url), &answer)
	if answer != "refused" {
		t.Errorf("another site has read the page: %s", answer)
	}
	tab.Eval(`document.querySelector('button').click(), true`, nil)
	tab.Await(`document.body != null && document.body.innerText.includes('another site')`)
	if p.server.Calls() != before {
		t.Error("another site has refreshed a secret")
	}
}
