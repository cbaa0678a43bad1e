// Package page looks at the page of statuspage in a real Chromium.
package page

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/integration/browser"
)

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
	"light":      {},
	"dark":       {Dark: true},
	"phone":      {Width: 360, Height: 740, Phone: true},
	"phone-dark": {Width: 360, Height: 740, Phone: true, Dark: true},
	"narrow":     {Width: 320, Height: 640, Phone: true},
	"wide":       {Width: 2000, Height: 1000},
}

const openAll = "document.querySelectorAll('details').forEach(d => { d.open = true }), true"

func TestThePageIsWellToLookAt(t *testing.T) {
	url, b := serveStory(t), browser.New(t)
	for name, v := range views {
		t.Run(name, func(t *testing.T) {
			tab := b.Open(t, url, v)
			tab.Screenshot(picture(t, name))
			tab.Eval(openAll, nil)
			tab.Screenshot(picture(t, name+"-open"))
			var beyond []string
			tab.Eval(`[...document.querySelectorAll('body, body *')].filter(e => !e.closest('svg, .quiet') &&
				e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.outerHTML.slice(0, 80))`, &beyond)
			if len(beyond) > 0 {
				t.Errorf("beyond the right edge: %q", beyond)
			}
			var ground string
			tab.Eval(`getComputedStyle(document.body).backgroundColor`, &ground)
			if isDark := strings.HasPrefix(ground, "rgb(1"); isDark != v.Dark {
				t.Errorf("the ground is %s", ground)
			}
			for now, query := range map[string]string{"outage": "?now=outage", "caches": "?now=outage&q=nothing", "closed": "?now=closed"} {
				b.Open(t, url+query, v).Screenshot(picture(t, name+"-"+now))
			}
		})
	}
}

// TestTheDOMHoldsNoSecret in pieces of four bytes, in texts and attributes.
func TestTheDOMHoldsNoSecret(t *testing.T) {
	url, b := serveStory(t), browser.New(t)
	for _, query := range []string{"", "?format=json", "?format=text", "?now=outage", "?now=closed"} {
		var dom string
		b.Open(t, url+query, browser.View{}).Eval(`document.documentElement.outerHTML + document.documentElement.innerText`, &dom)
		if !strings.Contains(dom, "prod/orders/db") {
			t.Fatalf("%s shows nothing: %s", query, dom)
		}
		for _, value := range values {
			for i := range len(value) - 3 {
				if piece := value[i : i+4]; strings.Contains(dom, piece) {
					t.Errorf("%s shows %q", query, piece)
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
	url, b := serveStory(t), browser.New(t)
	for _, test := range []struct{ view, query string }{
		{"light", ""},
		{"dark", ""},
		{"phone", ""},
		{"phone-dark", "?state=fresh"},
		{"light", "?q=nothing"},
		{"light", "?now=outage"},
		{"dark", "?now=outage"},
		{"phone", "?now=closed"},
	} {
		t.Run(test.view+test.query, func(t *testing.T) {
			v := views[test.view]
			v.Scripts = true // axe-core waits by timers
			tab := b.Open(t, url+test.query, v)
			tab.Eval(openAll, nil)
			tab.Eval(string(axe)+"; true", nil)
			var faults []string
			tab.Eval(`axe.run({
				runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'],
			}).then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.html + ': ' + n.failureSummary)))`, &faults)
			for _, f := range faults {
				t.Error(f)
			}
		})
	}
}
