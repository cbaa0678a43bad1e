package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

// TestASecretOfSeveralTypesHasOneSchema, which a validator can use, and which names each type
// once.
func TestASecretOfSeveralTypesHasOneSchema(t *testing.T) {
	got := typedsecret(t, "schema", "-id", "prod/db", "./internal/schema/testdata/twice")
	if n := strings.Count(got.out, `"$id"`); got.status != 0 || n != 3 {
		t.Fatalf("%d types: %+v", n, got)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal([]byte(got.out), &s); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		secret map[string]any
		valid  bool
	}{
		{map[string]any{"username": "u", "password": "p", "replica": map[string]any{"username": "u", "password": "p"}}, true},
		{map[string]any{"username": "u", "password": "p", "replica": map[string]any{"username": "u"}}, false},
		{map[string]any{"username": "u"}, false},
	} {
		if err := resolved.Validate(tt.secret); (err == nil) != tt.valid {
			t.Errorf("%v: %v", tt.secret, err)
		}
	}
}
