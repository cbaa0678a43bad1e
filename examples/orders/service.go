package main

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/httpsecret"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

// Secrets are the secrets of the service. Set.Fill makes the handles.
type Secrets struct {
	DB       *typedsecret.Secret[DBCreds] `secret:"db"`
	Payments *typedsecret.Secret[string]  `secret:"payments"`
}

// DBCreds is a login to the database.
type DBCreds struct {
	Username string         `json:"username"`
	Password codec.Redacted `json:"password"`
}

// A service takes orders.
type service struct {
	http.Handler
	log      *slog.Logger
	set      typedsecret.Set
	tenants  *typedsecret.ByID[string] // the tenants' keys
	db       *sql.DB
	payments *http.Client
	charge   string      // the URL of the payment service
	ending   atomic.Bool // whether the service is shutting down
}

// maxAge is the age of a secret from which the service is not ready. It is longer than the longest
// outage that the service should survive.
const maxAge = 24 * time.Hour

// newService makes a service that reads its secrets from c. It makes no request.
func newService(c *cache.Cache, seen *telemetry, cfg config) (*service, error) {
	s := &service{log: seen.log, charge: cfg.payments + "/charge"}
	s.set.Prefix, s.set.Options = cfg.prefix, []typedsecret.Option{typedsecret.WithCache(c)}
	var secrets Secrets
	if err := s.set.Fill(&secrets); err != nil {
		return nil, err
	}
	s.tenants = typedsecret.NewByID[string](typedsecret.WithSet(&s.set))
	s.payments = &http.Client{Transport: httpsecret.BearerToken(cfg.payments, secrets.Payments, nil)}
	database, err := pgx.ParseConfig(cfg.database)
	if err != nil {
		return nil, errors.New("the flag -database is no URL of a database")
	}
	s.db = sqlsecret.OpenDB(secrets.DB, func(creds DBCreds) (driver.Connector, error) {
		login := database.Copy()
		login.User, login.Password = creds.Username, creds.Password.Reveal()
		return stdlib.GetConnector(*login), nil
	})
	s.db.SetConnMaxLifetime(cfg.lifetime)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", s.order)
	mux.HandleFunc("GET /orders", s.count)
	mux.HandleFunc("GET /readyz", s.ready)
	seen.handlers(mux, c, &s.set)
	s.Handler = mux
	return s, nil
}

// preload fetches all secrets, and makes the table. It waits for the end of an outage for up to a
// minute.
func (s *service) preload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := (typedsecret.Preloader{Retry: true}).Preload(ctx, s.set.Handles()...); err != nil {
		return err
	}
	_, err := s.db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS orders (tenant text, item text)")
	return err
}

// ready reports to the load balancer whether the service takes requests. It does so also in an
// outage of Secrets Manager, as long as it has the secrets.
func (s *service) ready(w http.ResponseWriter, r *http.Request) {
	if s.ending.Load() {
		http.Error(w, "the service is ending", http.StatusServiceUnavailable)
		return
	}
	s.set.ReadyHandler(maxAge).ServeHTTP(w, r)
}

// tenant returns the tenant that sent the request. If there is none, it answers the request
// and returns "".
func (s *service) tenant(w http.ResponseWriter, r *http.Request) string {
	name := r.Header.Get("X-Tenant")
	if name == "" || strings.ContainsAny(name, "/:") { // neither another secret nor an ARN
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return ""
	}
	key, err := s.tenants.Get(r.Context(), "tenants/"+name)
	switch {
	case errors.Is(err, typedsecret.ErrNotFound), err == nil && subtle.ConstantTimeCompare([]byte(key), []byte(r.Header.Get("X-Key"))) == 0:
		http.Error(w, "the tenant or the key is wrong", http.StatusUnauthorized)
		return ""
	case err != nil:
		s.fail(w, "the tenant's key can't be had now", err)
		return ""
	}
	return name
}

// fail answers that something can't be done, and logs why.
func (s *service) fail(w http.ResponseWriter, what string, err error) {
	s.log.Error(what, "err", err)
	http.Error(w, what, http.StatusServiceUnavailable)
}

// order charges a tenant for an order, and keeps it.
func (s *service) order(w http.ResponseWriter, r *http.Request) {
	tenant := s.tenant(w, r)
	if tenant == "" {
		return
	}
	if err := s.pay(r.Context(), tenant); err != nil {
		s.fail(w, "the order can't be charged", err)
		return
	}
	if _, err := s.db.ExecContext(r.Context(), "INSERT INTO orders VALUES ($1, $2)", tenant, r.FormValue("item")); err != nil {
		s.fail(w, "the order can't be kept", err)
		return
	}
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintln(w, "ordered")
}

// pay calls the payment service, which is given the API key by s.payments.
func (s *service) pay(ctx context.Context, tenant string) error {
	form := strings.NewReader(url.Values{"tenant": {tenant}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.charge, form)
	if err != nil {
		return err
	}
	res, err := s.payments.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}

// count answers a tenant with the number of its orders.
func (s *service) count(w http.ResponseWriter, r *http.Request) {
	tenant := s.tenant(w, r)
	if tenant == "" {
		return
	}
	var n int
	if err := s.db.QueryRowContext(r.Context(), "SELECT count(*) FROM orders WHERE tenant = $1", tenant).Scan(&n); err != nil {
		s.fail(w, "the orders can't be read", err)
		return
	}
	fmt.Fprintln(w, n)
}
