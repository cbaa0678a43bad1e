package statuspage_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/source/static"
	"github.com/typedsecret/typedsecret/statuspage"
)

func Example() {
	source := static.New(map[string]string{"prod/api-key": "hunter2"})
	var history statuspage.History
	c, err := cache.New(source, cache.Config{Observer: hook.Join(&history)}) // and hook.Log, say
	if err != nil {
		panic(err)
	}
	defer c.Close()
	app := typedsecret.Set{Options: []typedsecret.Option{typedsecret.WithCache(c)}}
	key := typedsecret.New[string]("prod/api-key", typedsecret.WithSet(&app))

	mux := http.NewServeMux()
	mux.Handle("/debug/secrets", statuspage.New(statuspage.Config{
		Title:   "checkout",
		Sets:    []*typedsecret.Set{&app},
		Caches:  []*cache.Cache{c},
		History: &history,
	}))

	// In the program's work:
	if _, err := key.Get(context.Background()); err != nil {
		panic(err)
	}

	// curl localhost/debug/secrets
	r := httptest.NewRequest(http.MethodGet, "http://localhost/debug/secrets", nil)
	r.RemoteAddr = "127.0.0.1:40000"
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	lines := strings.Split(w.Body.String(), "\n")
	fmt.Println(lines[1])
	fmt.Println(strings.Fields(lines[4])[:2])
	// Output:
	// The secret is well.
	// [fresh prod/api-key]
}
