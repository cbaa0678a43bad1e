package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// refusing is a Hook that fails.
type refusing struct{ put, get error }

func (r refusing) Put(_ context.Context, _ hook.Item, b []byte) ([]byte, error) { return b, r.put }
func (r refusing) Get(_ context.Context, _ hook.Item, b []byte) ([]byte, error) { return b, r.get }

type keyError struct{ quotes string }

func (k *keyError) Error() string { return "can't seal " + k.quotes }

// TestAHooksOwnSentinelIsFound, though its text, which may quote the secret, is withheld.
func TestAHooksOwnSentinelIsFound(t *testing.T) {
	const plain = "hunter2hunter2"
	errKey := errors.New("key disabled, plain text " + plain)
	for name, h := range map[string]refusing{"Put": {put: errKey}, "Get": {get: errKey}} {
		for kind, err := range map[string]error{"sentinel": errKey, "wrapped": fmt.Errorf("%w: %w", secret.ErrNotFound, errKey), "typed": errors.Join(errKey, &keyError{plain})} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				h := h
				if h.put != nil {
					h.put = err
				} else {
					h.get = err
				}
				source := engine.SourceFunc(func(context.Context, engine.Ref) (engine.Value, error) {
					return engine.Value{Payload: secret.StringPayload(plain), VersionID: "v1"}, nil
				})
				c, failed := engine.New(source, engine.Config{Hook: h})
				if failed != nil {
					t.Fatal(failed)
				}
				defer c.Close()
				_, got := c.Get(t.Context(), engine.Ref{ID: "db"})
				if !errors.Is(got, errKey) || !errors.Is(got, engine.ErrHook) || errors.Is(got, secret.ErrNotFound) {
					t.Errorf("errors.Is: %v", got)
				}
				if _, ok := errors.AsType[*keyError](got); ok {
					t.Error("errors.As leads to the text")
				}
				if text := fmt.Sprintf("%v %+v %#v %q", got, got, got, got); strings.Contains(text, plain) {
					t.Errorf("it shows the secret: %s", text)
				}
			})
		}
	}
}
