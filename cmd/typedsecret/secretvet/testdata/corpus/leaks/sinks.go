package leaks

import (
	"context"
	"encoding/json"
	"expvar"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

func panics(ctx context.Context) {
	t, err := token.Get(ctx)
	if err != nil {
		panic("no token: " + t) // want `reaches panic`
	}
}

func attrs(ctx context.Context, l *slog.Logger) {
	c, _ := db.Get(ctx)
	l.LogAttrs(ctx, slog.LevelInfo, "login", slog.String("password", c.Password)) // want `c.Password holds`
}

func spanAttribute(ctx context.Context, span trace.Span) {
	c, _ := db.Get(ctx)
	span.SetAttributes(attribute.String("db.password", c.Password)) // want `c.Password holds`
}

func spanEvent(ctx context.Context, span trace.Span) {
	t, _ := token.Get(ctx)
	span.AddEvent("token " + t) // want `reaches Span.AddEvent`
}

func httpError(w http.ResponseWriter, r *http.Request) {
	c, _ := db.Get(r.Context())
	http.Error(w, "no login with "+c.Password, http.StatusInternalServerError) // want `reaches http.Error`
}

func response(w http.ResponseWriter, r *http.Request) {
	c, _ := db.Get(r.Context())
	_ = json.NewEncoder(w).Encode(c) // want `c holds .*: others read what is answered`
}

func responseWrite(w http.ResponseWriter, r *http.Request) {
	t, _ := token.Get(r.Context())
	_, _ = w.Write([]byte(t)) // want `\[\]byte\(t\) holds`
}

func responseText(w http.ResponseWriter, r *http.Request) {
	t, _ := token.Get(r.Context())
	page(w, t) // want `^t holds the secret that token.Get gave .* reaches what leaks.page writes: others read what is answered`
}

func page(w io.Writer, s string) { fmt.Fprintf(w, "<p>%s</p>", s) }

var form = template.Must(template.New("").Parse("{{.}}"))

func responseTemplate(w http.ResponseWriter, r *http.Request) {
	c, _ := db.Get(r.Context())
	_ = form.Execute(w, c.Password) // want `c.Password holds`
}

func standardError(ctx context.Context) {
	c, _ := db.Get(ctx)
	fmt.Fprintf(os.Stderr, "password %q\n", c.Password) // want `c.Password holds .*: logs are stored and read`
	_, _ = os.Stderr.Write([]byte(c.Password))          // want `c.Password\) holds .*: logs are stored and read`
}

func published(ctx context.Context) {
	t, _ := token.Get(ctx)
	expvar.NewString("token").Set(t) // want `t holds`
}

func testLog(t *testing.T) {
	c, _ := db.Get(t.Context())
	t.Logf("login %v", c) // want `c holds`
}
