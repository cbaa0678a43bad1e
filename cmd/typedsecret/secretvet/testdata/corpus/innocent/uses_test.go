package innocent

import "testing"

// The secrets of tests are mostly made up: the flag -testfiles reports them too.
func TestLogin(t *testing.T) {
	c, err := db.Get(t.Context())
	t.Log(c, err)
}
