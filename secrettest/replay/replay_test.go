// Package replay compares secrettest with recordings of AWS, which gocloud.dev has for its
// tests of Secrets Manager. It is a module of its own, so that no other module needs
// gocloud.dev.
package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/typedsecret/typedsecret/secrettest"

	// This import keeps the module gocloud.dev in go.mod, whose folder holds the
	// recordings. The package is the module's smallest.
	_ "gocloud.dev/server/health"
)

// recording is the part of a file of go-replayers' httpreplay that this test reads.
type recording struct {
	Entries []struct {
		Request struct {
			Method    string
			Header    http.Header
			MediaType string
			BodyParts [][]byte
		}
		Response struct {
			StatusCode int
			Header     http.Header
			Body       []byte
		}
	}
}

// TestRecordedResponses sends the recorded requests in order and compares each
// answer with the recorded one: status, content type, and the JSON with its keys,
// the kind of each value, and each value that neither chance nor the clock
// decides.
func TestRecordedResponses(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "gocloud.dev").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	root := filepath.Join(strings.TrimSpace(string(dir)), "runtimevar", "awssecretsmanager", "testdata")
	files, requests := 0, 0
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".replay" {
			return err
		}
		files++
		name, _ := filepath.Rel(root, path)
		t.Run(filepath.ToSlash(name), func(t *testing.T) { requests += replay(t, path) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 || requests == 0 {
		t.Fatalf("%d files with %d requests: the recordings have moved", files, requests)
	}
	t.Logf("%d requests of %d recordings", requests, files)
}

var anyARN = regexp.MustCompile(`arn:aws:secretsmanager:([a-z0-9-]+):(\d+):secret:`)

func replay(t *testing.T, path string) int {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var rec recording
	if err := json.Unmarshal(data, &rec); err != nil {
		t.Fatal(err)
	}
	// A secret that was deleted without recovery can still be described for a while. AWS
	// decides how long; here the recording decides.
	const delay = time.Hour
	cfg := secrettest.Config{PurgeDelay: delay}
	for _, e := range rec.Entries {
		if m := anyARN.FindSubmatch(e.Response.Body); m != nil {
			cfg.Region, cfg.Account = string(m[1]), string(m[2])
			break
		}
	}
	s, err := secrettest.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	deleted := false
	for i, e := range rec.Entries {
		op := strings.TrimPrefix(e.Request.Header.Get("X-Amz-Target"), "secretsmanager.")
		now, err := http.ParseTime(e.Response.Header.Get("Date"))
		if err != nil {
			t.Fatal(err)
		}
		if op == "DeleteSecret" {
			deleted = true
		} else if deleted && e.Response.StatusCode == http.StatusBadRequest {
			deleted = false
			now = now.Add(delay)
		}
		s.SetNow(func() time.Time { return now })

		req, err := http.NewRequest(e.Request.Method, s.URL(), bytes.NewReader(bytes.Join(e.Request.BodyParts, nil)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = e.Request.Header.Clone()
		req.Header.Set("Content-Type", e.Request.MediaType) // the recorder removes this header
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256") // and this one
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("request %d, %s", i, op)
		if resp.StatusCode != e.Response.StatusCode {
			t.Errorf("%s: status %d, AWS answers %d", what, resp.StatusCode, e.Response.StatusCode)
		}
		if got, want := resp.Header.Get("Content-Type"), e.Response.Header.Get("Content-Type"); got != want {
			t.Errorf("%s: Content-Type %q, AWS answers %q", what, got, want)
		}
		for h := range e.Response.Header {
			if resp.Header.Get(h) == "" {
				t.Errorf("%s: no header %s", what, h)
			}
		}
		if diff := cmp.Diff(shape(t, e.Response.Body), shape(t, body)); diff != "" {
			t.Errorf("%s: AWS (-) and secrettest (+) differ:\n%s", what, diff)
		}
	}
	return len(rec.Entries)
}

var arnSuffix = regexp.MustCompile(`^(arn:.*)-[A-Za-z0-9]{6}$`)

// shape decodes JSON and hides the parts that are random or depend on the clock: the end of
// an ARN, and numbers, which are dates. It keeps a date that is the midnight of its day.
func shape(t *testing.T, body []byte) any {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("not JSON: %s", body)
	}
	var hide func(key string, v any) any
	hide = func(key string, v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k := range v {
				v[k] = hide(k, v[k])
			}
		case []any:
			for i := range v {
				v[i] = hide(key, v[i])
			}
		case string:
			return arnSuffix.ReplaceAllString(v, "$1-??????")
		case float64:
			if key == "LastAccessedDate" {
				return time.Unix(int64(v), 0).UTC().Format(time.DateTime)
			}
			return "a number"
		}
		return v
	}
	return hide("", v)
}
