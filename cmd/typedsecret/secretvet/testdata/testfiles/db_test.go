package testfiles

import "testing"

func TestToken(t *testing.T) {
	s, err := token.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log("token", s) // want `s holds the secret that token.Get gave`
}
