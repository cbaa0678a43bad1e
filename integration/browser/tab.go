package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

// A View says how a tab shows its page.
type View struct {
	Width, Height int  // 1280 by 800 by default
	Phone         bool // a small screen of high resolution, touched by fingers
	Dark          bool // the user prefers dark pages
	Scripts       bool // the page's own scripts run; those of Eval do in any case
}

// A Tab is a tab of a browser. Its methods fail the test if something goes wrong.
type Tab struct {
	t       testing.TB
	b       *Browser
	session string
}

// Open opens a page for a test, and returns when it has loaded. The tab is closed when the test is
// over.
func (b *Browser) Open(t testing.TB, url string, v View) *Tab {
	t.Helper()
	var target struct {
		ID string `json:"targetId"`
	}
	var session struct {
		ID string `json:"sessionId"`
	}
	tab := &Tab{t: t, b: b}
	tab.call("Target.createTarget", params{"url": "about:blank"}, &target)
	tab.call("Target.attachToTarget", params{"targetId": target.ID, "flatten": true}, &session)
	tab.session = session.ID
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		b.call(ctx, "", "Target.closeTarget", params{"targetId": target.ID}, nil) // or else it ends with the browser
	})
	if v.Width == 0 {
		v.Width, v.Height = 1280, 800
	}
	scale, scheme := 1, "light"
	if v.Phone {
		scale = 2
	}
	if v.Dark {
		scheme = "dark"
	}
	tab.call("Emulation.setDeviceMetricsOverride", params{"width": v.Width, "height": v.Height, "deviceScaleFactor": scale, "mobile": v.Phone}, nil)
	tab.call("Emulation.setEmulatedMedia", params{"features": []params{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	tab.call("Emulation.setScriptExecutionDisabled", params{"value": !v.Scripts}, nil)
	tab.Navigate(url)
	return tab
}

type params map[string]any

func (tab *Tab) call(method string, p params, result any) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.t.Context(), patience)
	defer cancel()
	if err := tab.b.call(ctx, tab.session, method, p, result); err != nil {
		tab.t.Fatal(err)
	}
}

// Navigate opens another page, and returns when it has loaded.
func (tab *Tab) Navigate(url string) {
	tab.t.Helper()
	var got struct {
		Error string `json:"errorText"`
	}
	tab.call("Page.navigate", params{"url": url}, &got)
	if got.Error != "" {
		tab.t.Fatalf("%s: %s", url, got.Error)
	}
	tab.Await("document.readyState == 'complete'")
}

// Await waits until a JavaScript expression is true. A page that is being replaced has no answer.
func (tab *Tab) Await(expression string) {
	tab.t.Helper()
	for end := time.Now().Add(patience); ; {
		var is bool
		if err := tab.eval(expression, &is); err == nil && is {
			return
		} else if time.Now().After(end) {
			tab.t.Fatalf("%s is not true: %v", expression, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Eval evaluates a JavaScript expression, or waits for the promise that it is, and gives the value
// to into, as by JSON.
func (tab *Tab) Eval(expression string, into any) {
	tab.t.Helper()
	if err := tab.eval(expression, into); err != nil {
		tab.t.Fatal(err)
	}
}

func (tab *Tab) eval(expression string, into any) error {
	ctx, cancel := context.WithTimeout(tab.t.Context(), patience)
	defer cancel()
	var got struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	err := tab.b.call(ctx, tab.session, "Runtime.evaluate", params{"expression": expression, "returnByValue": true, "awaitPromise": true}, &got)
	switch {
	case err != nil:
		return err
	case got.Exception != nil:
		return fmt.Errorf("%s %s", got.Exception.Text, got.Exception.Exception.Description)
	case into == nil:
		return nil
	case got.Result.Value == nil:
		return errors.New("the expression has no value")
	}
	return json.Unmarshal(got.Result.Value, into)
}

// Press presses a key in the page, such as Tab or Enter.
func (tab *Tab) Press(key string) {
	tab.t.Helper()
	code := map[string]int{"Tab": 9, "Enter": 13}[key]
	p := params{"type": "keyDown", "key": key, "windowsVirtualKeyCode": code}
	if key == "Enter" {
		p["text"] = "\r"
	}
	tab.call("Input.dispatchKeyEvent", p, nil)
	tab.call("Input.dispatchKeyEvent", params{"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}, nil)
}

// tallest is how much of a page Screenshot shows.
const tallest = 2400

// Screenshot writes a picture of the page to a PNG file: of all of it, also what has to be scrolled to,
// unless it is very long.
func (tab *Tab) Screenshot(path string) {
	tab.t.Helper()
	var layout struct {
		Size struct{ Width, Height float64 } `json:"cssContentSize"`
	}
	var got struct {
		Data []byte `json:"data"`
	}
	tab.call("Page.getLayoutMetrics", nil, &layout)
	whole := params{"x": 0, "y": 0, "width": layout.Size.Width, "height": min(layout.Size.Height, tallest), "scale": 1}
	tab.call("Page.captureScreenshot", params{"format": "png", "captureBeyondViewport": true, "clip": whole}, &got)
	if err := os.WriteFile(path, got.Data, 0o600); err != nil {
		tab.t.Fatal(err)
	}
}
