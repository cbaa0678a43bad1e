// Package statuspage shows how the secrets of a program stand: how old each one is, which version
// is in use, since when and why one can't be refreshed or does not decode, and a timeline of its
// fetches and rotations. A [Page] is an http.Handler that a browser, curl and a script can read:
//
//	page := statuspage.New(statuspage.Config{
//		Title:  "checkout",
//		Sets:   []*typedsecret.Set{&app},
//		Caches: []*cache.Cache{c},
//	})
//	mux.Handle("/debug/secrets", page)
//
// By its Accept header, or ?format=html, json or text, a request gets a page, JSON or text. None
// holds a secret value, the length of one or a hash.
package statuspage

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/status"
)

// A Config says what a [Page] shows, and to whom. The zero value shows nothing.
type Config struct {
	// Title heads the page: the program's name, say. "Secrets" by default.
	Title string

	// Sets and Handles are what the program reads. A handle tells what its cache can't: whether
	// the value decodes, and whether services accept it.
	Sets    []*typedsecret.Set
	Handles []typedsecret.Handle
	// Caches are those whose secrets are shown, also those that are read by ID alone.
	Caches []*cache.Cache

	// History has the events of the timelines; without one there are none.
	History *History

	// Allow says whether a request that is not this machine's own is answered. By default none
	// is. A request is this machine's own if it comes from a loopback address, through no proxy,
	// to localhost or a loopback address. A proxy on this machine that adds no header such as
	// X-Forwarded-For can't be told from a user of it.
	Allow func(*http.Request) bool

	// Refresh puts a button beside each secret that fetches it. It sends a POST, which is refused
	// if another site sent it. The caches keep their MinRefreshInterval and Backoff.
	Refresh bool
}

// A Page is an http.Handler, made by [New], for whatever path. It makes no request to a source
// and waits for none, unless somebody refreshes. Reading it counts as no read of a secret. It is
// safe for concurrent use.
type Page struct {
	cfg Config
}

// New makes a Page.
func New(cfg Config) *Page {
	cfg.Sets, cfg.Handles, cfg.Caches = slices.Clone(cfg.Sets), slices.Clone(cfg.Handles), slices.Clone(cfg.Caches)
	return &Page{cfg: cfg}
}

// ServeHTTP implements http.Handler.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", policy)
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Vary", "Accept")
	header.Set("X-Content-Type-Options", "nosniff")
	if err := p.admit(r); err != nil {
		refuse(w, http.StatusForbidden, err.Error()+". The program allows such requests by statuspage.Config.Allow.")
		return
	}
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		p.answer(w, r, http.StatusOK, nil)
	case r.Method == http.MethodPost && p.cfg.Refresh:
		p.refresh(w, r)
	case r.Method == http.MethodPost:
		header.Set("Allow", p.methods())
		refuse(w, http.StatusMethodNotAllowed, "nothing can be refreshed here. The program allows it by statuspage.Config.Refresh.")
	default:
		header.Set("Allow", p.methods())
		refuse(w, http.StatusMethodNotAllowed, "the page is read by GET.")
	}
}

// methods are those that the page takes.
func (p *Page) methods() string {
	if p.cfg.Refresh {
		return "GET, HEAD, POST"
	}
	return "GET, HEAD"
}

// refuse answers with an error's text, which begins with a capital letter.
func refuse(w http.ResponseWriter, code int, text string) {
	http.Error(w, strings.ToUpper(text[:1])+text[1:], code)
}

// answer shows everything, and what came of a refresh if that failed.
func (p *Page) answer(w http.ResponseWriter, r *http.Request, code int, refreshed error) {
	v := p.collect()
	v.Refresh, v.Failed = p.cfg.Refresh, refreshed
	query := r.URL.Query()
	v.Search, v.State = query.Get("q"), status.State(query.Get("state"))
	write := map[string]func(http.ResponseWriter, int, *view){"html": writeHTML, "json": writeJSON, "text": writeText}[format(r)]
	write(w, code, v)
}

// refreshTimeout bounds how long a refresh is waited for. The fetch goes on after it.
const refreshTimeout = 10 * time.Second

// refresh fetches the secret that the form names. A browser is led back to the page, where a
// reload fetches nothing.
func (p *Page) refresh(w http.ResponseWriter, r *http.Request) {
	if err := sameOrigin.Check(r); err != nil {
		refuse(w, http.StatusForbidden, "the request was sent by another site.")
		return
	}
	const most = 1 << 14
	r.Body = http.MaxBytesReader(w, r.Body, most)
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, "the form can't be read.")
		return
	}
	asked := rowKey{r.PostForm.Get("id"), r.PostForm.Get("stage"), r.PostForm.Get("version"), r.PostForm.Get("arn")}
	row := p.collect().find(asked)
	if row == nil {
		refuse(w, http.StatusNotFound, "no such secret is on the page.")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), refreshTimeout)
	defer cancel()
	err := row.refresh(ctx)
	switch {
	case err != nil:
		p.answer(w, r, http.StatusBadGateway, err)
	case format(r) == "html":
		back := url.URL{ForceQuery: true, RawQuery: r.URL.RawQuery}
		w.Header().Set("Location", back.String()+"#"+row.Anchor()) // relative to wherever the page is mounted
		w.WriteHeader(http.StatusSeeOther)
	default:
		p.answer(w, r, http.StatusOK, nil)
	}
}

// find returns the row that a form names, or nil. A row without an ARN is found whatever the form
// says, since it may have got one meanwhile, and so is one of a form without an ARN.
func (v *view) find(k rowKey) *row {
	var found *row
	for _, r := range v.Rows {
		same := r.ID == k.id && r.Stage == k.stage && r.PinnedVersion == k.pinned
		switch {
		case same && r.ARN == k.arn:
			return r
		case same && (r.ARN == "" || k.arn == ""):
			found = r
		}
	}
	return found
}

// refresh fetches the secret, and has its handles decode it.
func (r *row) refresh(ctx context.Context) error {
	var errs []error
	if r.cache != nil {
		_, err := r.cache.Refresh(ctx, secret.Ref{ID: r.ID, Stage: r.Stage, VersionID: r.PinnedVersion})
		errs = append(errs, err)
	} else {
		for _, h := range r.handles {
			if s, ok := h.(interface{ Invalidate(context.Context) error }); ok {
				errs = append(errs, s.Invalidate(ctx))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return typedsecret.Preload(ctx, r.handles...)
}
