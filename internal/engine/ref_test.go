package engine_test

import (
	"errors"
	"testing"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

func TestARefThatCanNameNoSecretCostsNoCall(t *testing.T) {
	for _, ref := range []secret.Ref{{}, {ID: "db\n"}, {ID: "arn:aws:s3:::bucket"}, {ID: "db", Stage: "\xff"}, {ID: "db", VersionID: "v1"}} {
		s := serving()
		c := open(t, s, engine.Config{})
		_, fromGet := c.Get(t.Context(), ref)
		_, fromRefresh := c.Refresh(t.Context(), ref)
		for method, err := range map[string]error{"Get": fromGet, "Refresh": fromRefresh, "Invalidate": c.Invalidate(ref)} {
			if !errors.Is(err, secret.ErrInvalidRef) {
				t.Errorf("%s of %q: %v", method, ref, err)
			}
		}
		wantCalls(t, s, 0)
		if c.Entries() != 0 {
			t.Errorf("%q is remembered", ref)
		}
	}
}
