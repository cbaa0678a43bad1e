package hook_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/hook"
)

// TestEventsPrintAndMarshalWhole: each field is there, and an error by its text.
func TestEventsPrintAndMarshalWhole(t *testing.T) {
	about := hook.Secret{ID: "prod/db", Stage: "AWSCURRENT", VersionID: "v1"}
	failure := errors.New("no route to host")
	for _, e := range []hook.Event{
		hook.Fetched{about, 1500 * time.Millisecond},
		hook.Rotated{about, "v0"},
		hook.FetchFailed{about, failure, 3, time.Second, time.Minute},
		hook.ServedStale{about, time.Hour, failure},
		hook.Evicted{about},
		hook.DecodeFailed{about, failure},
		hook.Rejected{about},
		hook.SealedFileFailed{"/var/lib/app/file", failure},
	} {
		name := reflect.TypeOf(e).Name()
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("event", "event", e)
		for _, f := range reflect.VisibleFields(reflect.TypeOf(e)) {
			if f.Anonymous {
				continue
			}
			want := fmt.Sprint(reflect.ValueOf(e).FieldByIndex(f.Index).Interface())
			if d, ok := reflect.ValueOf(e).FieldByIndex(f.Index).Interface().(time.Duration); ok {
				want = fmt.Sprint(float64(d))
			}
			if got := fmt.Sprint(fields[f.Name]); got != want {
				t.Errorf("%s: %s is %s in %s, want %s", name, f.Name, got, text, want)
			}
		}
		for _, out := range []string{fmt.Sprint(e), fmt.Sprintf("%+v", e), log.String()} {
			if _, has := fields["Err"]; has && !strings.Contains(out, failure.Error()) {
				t.Errorf("%s prints without its error: %s", name, out)
			}
		}
	}
	if text, err := json.Marshal(hook.ServedStale{Secret: about}); err != nil || !strings.Contains(string(text), `"Err":null`) {
		t.Errorf("without an error: %s, %v", text, err)
	}
}
