package page

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/statuspage"
)

// A DB is what a secret holds.
type DB struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// values are what nobody may see of the secrets.
var values = []string{"Xk7qWz1mPv9t", "Jh4bNc8rLd2s", "Gf6yTu3eKo5a", "Qw0zRx7vBn1m"}

func dbValue(password string) string {
	return fmt.Sprintf(`{"username":"app","password":%q}`, password)
}

// A program reads secrets.
type program struct {
	server *secrettest.Server
	cache  *cache.Cache
	set    typedsecret.Set
	page   *statuspage.Page

	db, billing *typedsecret.Secret[DB]
	texts       []*typedsecret.Secret[string]
	login       *typedsecret.Secret[string]
	tenants     *typedsecret.ByID[string]
}

func newProgram(t *testing.T) *program {
	t.Helper()
	history := &statuspage.History{}
	p := &program{}
	p.server, p.cache = secrettest.NewCache(t, cache.Config{Observer: history})
	p.set.Options = []typedsecret.Option{typedsecret.WithCache(p.cache)}
	with := typedsecret.WithSet(&p.set)
	p.db = typedsecret.New[DB]("prod/orders/db", with)
	p.billing = typedsecret.New[DB]("prod/billing/db", with)
	p.login = typedsecret.New[string]("prod/smtp/password", with, typedsecret.WithRetryBudget(0))
	for _, name := range []string{"prod/signing/key", "prod/stripe/api-key", "prod/search/a-rather-long-name/that-has-to-be-broken/somewhere"} {
		p.texts = append(p.texts, typedsecret.New[string](name, with))
		p.server.Seed(t, name, values[3])
	}
	p.texts = append(p.texts, typedsecret.New[string]("prod/partner/token", with)) // does not exist
	typedsecret.New[string]("prod/orders/never-read", with)
	typedsecret.New[chan int]("prod/orders/misused", with)
	p.tenants = typedsecret.NewByID[string](typedsecret.WithCache(p.cache))
	p.server.Seed(t, "prod/orders/db", dbValue(values[0]))
	p.server.Seed(t, "prod/billing/db", dbValue(values[0]))
	p.server.Seed(t, "prod/smtp/password", values[2])
	p.server.Seed(t, "tenants/4711/key", values[3])
	p.page = statuspage.New(statuspage.Config{
		Title: "checkout", Sets: []*typedsecret.Set{&p.set}, Caches: []*cache.Cache{p.cache}, History: history, Refresh: true,
	})
	return p
}

// read reads what the program reads all the time.
func (p *program) read(ctx context.Context) {
	p.db.Get(ctx)
	p.billing.Get(ctx)
	p.login.Get(ctx)
	for _, s := range p.texts {
		s.Get(ctx)
	}
}

// live lets the program read its secrets each minute for a time.
func (p *program) live(ctx context.Context, d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Minute) {
		p.read(ctx)
	}
}

// day lets the program have a day in which much happens. The function that it returns ends what
// is wrong with the last secret.
func (p *program) day(t *testing.T) (mend func()) {
	ctx := t.Context()
	p.tenants.Get(ctx, "tenants/4711/key")
	p.live(ctx, 5*time.Hour)
	p.server.Rotate(t, "prod/orders/db", dbValue(values[1]))
	p.db.Refresh(ctx)
	p.live(ctx, 3*time.Hour)
	stop := p.server.Fail(t, secrettest.Fault{Effect: secrettest.Unavailable()})
	p.live(ctx, 100*time.Minute)
	stop()
	p.live(ctx, 2*time.Hour)
	p.server.Rotate(t, "prod/orders/db", dbValue(values[2]))
	p.server.Rotate(t, "prod/billing/db", fmt.Sprintf(`{"username":"app","pass":%q}`, values[1]))
	p.live(ctx, 4*time.Hour)
	for range 3 {
		p.login.Do(ctx, func(context.Context, string) error {
			return typedsecret.Rejected(errors.New("535 authentication failed"))
		})
	}
	mend = p.server.Fail(t, secrettest.Fault{SecretID: "prod/stripe/api-key", Effect: secrettest.AccessDenied()})
	p.live(ctx, 90*time.Minute)
	return mend
}

// queries are those that the tests send after the day. Besides, ?now=outage is sent in an outage
// after it, and ?now=closed when the cache has been closed.
var queries = []string{"", "?state=fresh", "?q=nothing", "?format=json", "?format=text"}

// serveStory serves the page as it is after such a day, and returns its address.
func serveStory(t *testing.T) string {
	t.Helper()
	answers := map[string]*httptest.ResponseRecorder{}
	synctest.Test(t, func(t *testing.T) {
		p := newProgram(t)
		mend := p.day(t)
		look := func(query string) {
			r := httptest.NewRequest(http.MethodGet, "http://localhost/"+query, nil)
			r.RemoteAddr = "127.0.0.1:1"
			r.Header.Set("Accept", "text/html")
			w := httptest.NewRecorder()
			p.page.ServeHTTP(w, r)
			answers["/"+query] = w
		}
		for _, query := range queries {
			look(query)
		}
		mend() // a refusal is an answer
		p.server.Fail(t, secrettest.Fault{Effect: secrettest.Unavailable()})
		p.live(t.Context(), 80*time.Minute)
		look("?now=outage")
		look("?now=outage&q=nothing")
		p.cache.Close()
		look("?now=closed")
	})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answers[r.URL.RequestURI()]
		if a == nil {
			http.NotFound(w, r)
			return
		}
		maps.Copy(w.Header(), a.Header())
		w.WriteHeader(a.Code)
		w.Write(a.Body.Bytes())
	}))
	t.Cleanup(web.Close)
	return web.URL + "/"
}
