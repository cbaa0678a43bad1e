package promsecret_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/recipes/promsecret"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
)

const (
	password = `Zq7#Kx!9%Wv&3Jh` // no four bytes of it are in a name, a date or an ID
	rotated  = `Yt4~Gb^8$Nf*2Lc`
)

// newMetrics makes a fake Secrets Manager and a cache that reads from it and that a Metrics
// observes.
func newMetrics(t *testing.T, cfg cache.Config, listed ...string) (*promsecret.Metrics, *secrettest.Server, *cache.Cache) {
	t.Helper()
	m := promsecret.New(listed...)
	cfg.Observer = m
	server, c := secrettest.NewCache(t, cfg)
	m.Report(c)
	return m, server, c
}

// text returns the output for Prometheus, without the help texts. The output may hold no
// piece of a secret.
func text(t *testing.T, m *promsecret.Metrics) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	all := answer.Body.String()
	if answer.Code != http.StatusOK {
		t.Fatal(all)
	}
	for _, s := range []string{password, rotated} {
		for i := range len(s) - 3 {
			if strings.Contains(all, s[i:i+4]) {
				t.Errorf("a piece of a secret is in\n%s", all)
			}
		}
	}
	var lines strings.Builder
	for line := range strings.Lines(all) {
		if !strings.HasPrefix(line, "#") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// want fails the test if one of lines is not in got.
func want(t *testing.T, got string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+got, "\n"+line+"\n") {
			t.Errorf("no line %s in\n%s", line, got)
		}
	}
}

func current(id string) secret.Ref { return secret.Ref{ID: id, Stage: "AWSCURRENT"} }

func TestAnOutageIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, server, c := newMetrics(t, cache.Config{NoRefreshAhead: true}, "prod/db")
		var set, empty typedsecret.Set
		m.ReportSet(&set)
		m.ReportSet(&set) // counts once
		m.ReportSet(&empty)
		db := typedsecret.New[string]("prod/db", typedsecret.WithCache(c), typedsecret.WithSet(&set), typedsecret.WithCodec(codec.Text{}))
		server.Seed(t, "prod/db", password)
		server.Seed(t, "prod/hidden", password)
		if _, err := db.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(t.Context(), current("prod/hidden")); err != nil {
			t.Fatal(err)
		}
		want(t, text(t, m),
			`typedsecret_source_up{backend=""} 1`, `typedsecret_secrets{state="fresh"} 2`, `typedsecret_secrets{state="stale"} 0`,
			`typedsecret_fetch_duration_seconds_count{error_type=""} 2`, `typedsecret_stale_reads_total 0`,
			`typedsecret_secret_age_seconds{secret="prod/db",stage="AWSCURRENT"} 0`, `typedsecret_undecodable_handles 0`)

		time.Sleep(2 * time.Hour)
		defer server.Fail(t, secrettest.Fault{Effect: secrettest.Unavailable()})()
		if _, err := db.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(t.Context(), current("prod/hidden")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := text(t, m)
		want(t, got,
			`typedsecret_source_up{backend=""} 0`, `typedsecret_secrets{state="stale"} 2`, `typedsecret_failing_secrets{error_type="unavailable"} 2`,
			`typedsecret_fetch_duration_seconds_count{error_type="unavailable"} 2`, `typedsecret_stale_reads_total 2`,
			`typedsecret_secret_failures{error_type="unavailable",secret="prod/db",stage="AWSCURRENT"} 1`)
		if strings.Contains(got, "hidden") {
			t.Errorf("a secret that is not listed is named in\n%s", got)
		}
	})
}

// halves is a source with two backends, of which us can't answer.
type halves struct{}

func (halves) Backend(ref secret.Ref) string { return ref.ID[:2] }

func (h halves) Fetch(_ context.Context, ref secret.Ref) (secret.Value, error) {
	if h.Backend(ref) == "us" {
		return secret.Value{}, secret.ErrUnavailable
	}
	return secret.Value{Payload: secret.StringPayload(password), VersionID: "v1"}, nil
}

// TestEachBackendIsUpOrDown by the verdict of the cache's health: one failure is none.
func TestEachBackendIsUpOrDown(t *testing.T) {
	m := promsecret.New()
	c, err := cache.New(halves{}, cache.Config{Observer: m})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m.Report(c)
	for _, id := range []string{"eu/a", "us/a"} {
		_, _ = c.Get(t.Context(), current(id))
	}
	want(t, text(t, m), `typedsecret_source_up{backend="eu"} 1`, `typedsecret_source_up{backend="us"} 1`)
	_, _ = c.Get(t.Context(), current("us/b"))
	got := text(t, m)
	want(t, got, `typedsecret_source_up{backend="eu"} 1`, `typedsecret_source_up{backend="us"} 0`)
	if strings.Contains(got, `backend=""`) {
		t.Errorf("a backend without a name is in\n%s", got)
	}
}

func TestWhatIsDroppedLosesItsSeries(t *testing.T) {
	m, server, c := newMetrics(t, cache.Config{MaxSize: 1}, "prod/db")
	first := versionOf(t, c, server, server.Seed)
	second := versionOf(t, c, server, func(t testing.TB, id, value string) string { return server.Rotate(t, id, rotated) })
	got := text(t, m)
	if strings.Contains(got, first) || !strings.Contains(got, `version="`+second+`"`) {
		t.Errorf("not the version %s alone in\n%s", second, got)
	}
	want(t, got, `typedsecret_rotations_total 1`)

	server.Seed(t, "prod/other", password)
	if _, err := c.Get(t.Context(), current("prod/other")); err != nil {
		t.Fatal(err)
	}
	got = text(t, m)
	want(t, got, `typedsecret_evictions_total 1`)
	if strings.Contains(got, "prod/db") {
		t.Errorf("a secret that was evicted is in\n%s", got)
	}

	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if got := text(t, m); strings.Contains(got, "typedsecret_secrets") {
		t.Errorf("a closed cache is in\n%s", got)
	}
}

// versionOf changes prod/db and returns the version that the cache has after a refresh.
func versionOf(t *testing.T, c *cache.Cache, server *secrettest.Server, change func(t testing.TB, id, value string) string) string {
	t.Helper()
	change(t, "prod/db", password)
	v, err := c.Refresh(t.Context(), current("prod/db"))
	if err != nil {
		t.Fatal(err)
	}
	return v.VersionID
}

func TestPinnedVersionsAreNoOldOnes(t *testing.T) {
	m, server, c := newMetrics(t, cache.Config{}, "prod/db")
	first := versionOf(t, c, server, server.Seed)
	versionOf(t, c, server, func(t testing.TB, id, _ string) string { return server.Rotate(t, id, rotated) })
	for _, ref := range []secret.Ref{{ID: "prod/db", VersionID: first}, {ID: "prod/db", Stage: "AWSPREVIOUS", VersionID: first}} {
		if _, err := c.Get(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
	}
	if got := text(t, m); strings.Contains(got, first) {
		t.Errorf("a pinned version is in\n%s", got)
	}
}

func TestWhatAServiceAndACodecSayIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, server, c := newMetrics(t, cache.Config{})
		var set, empty typedsecret.Set
		m.ReportSet(&set)
		m.ReportSet(&set) // counts once
		m.ReportSet(&empty)
		db := typedsecret.New[struct{ Password string }]("prod/db", typedsecret.WithCache(c), typedsecret.WithSet(&set))
		server.Seed(t, "prod/db", `{"Password":"`+password+`"}`)
		err := db.Do(t.Context(), func(context.Context, struct{ Password string }) error { return typedsecret.Rejected(errors.New("no")) })
		if !errors.Is(err, typedsecret.ErrRejected) {
			t.Fatal(err)
		}
		server.Rotate(t, "prod/db", rotated)
		if _, err := db.Refresh(t.Context()); err == nil {
			t.Error("what is no JSON was decoded")
		}
		got := text(t, m)
		want(t, got, `typedsecret_decode_failures_total 1`, `typedsecret_undecodable_handles 1`)
		if strings.Contains(got, "typedsecret_rejections_total 0\n") {
			t.Errorf("no rejection in\n%s", got)
		}
	})
}

func TestTheMetricsPassPrometheusLint(t *testing.T) {
	m, server, c := newMetrics(t, cache.Config{}, "prod/db", "prod/none")
	versionOf(t, c, server, server.Seed)
	_, _ = c.Get(t.Context(), current("prod/none"))
	m.ReportSet(new(typedsecret.Set))
	problems, err := testutil.CollectAndLint(m)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v: %+v", err, problems)
	}
	// A pedantic registry checks that series and descriptions agree.
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(m)
	if _, err := reg.Gather(); err != nil {
		t.Error(err)
	}
}

func TestAWarmGetAllocatesNothing(t *testing.T) {
	m, server, c := newMetrics(t, cache.Config{}, "prod/db")
	prometheus.NewPedanticRegistry().MustRegister(m)
	server.Seed(t, "prod/db", password)
	db := typedsecret.New[string]("prod/db", typedsecret.WithCache(c), typedsecret.WithCodec(codec.Text{}))
	if _, err := db.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := text(t, m)
	if n := testing.AllocsPerRun(1000, func() { _, _ = db.Get(t.Context()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if strings.Count(before, "\n") != strings.Count(text(t, m), "\n") {
		t.Error("reads made series")
	}
}

func TestALabelThatIsNoTextIsNoPanic(t *testing.T) {
	m := promsecret.New("\xff")
	m.Observe(t.Context(), hook.FetchFailed{Secret: hook.Secret{ID: "\xff"}, Err: errors.New("\xff")})
	_, c := secrettest.NewCache(t, cache.Config{})
	m.Report(c)
	_, _ = c.Get(t.Context(), current("\xff"))
	want(t, text(t, m), `typedsecret_fetch_duration_seconds_count{error_type="other"} 1`)
}

func Example() {
	metrics := promsecret.New("prod/db")
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	// c, err := cache.New(source, cache.Config{Observer: metrics})
	// metrics.Report(c)

	// What a cache with this observer does:
	metrics.Observe(context.Background(), hook.Rotated{Secret: hook.Secret{ID: "prod/db"}, From: "v1"})
	families, err := registry.Gather()
	for _, f := range families {
		if f.GetName() == "typedsecret_rotations_total" {
			fmt.Println(f.GetName(), f.GetMetric()[0].GetCounter().GetValue(), err)
		}
	}
	// Output: typedsecret_rotations_total 1 <nil>
}
