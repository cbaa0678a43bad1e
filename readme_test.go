package typedsecret_test

import (
	"testing"

	"github.com/typedsecret/typedsecret/internal/readme"
)

func TestReadmeCodeIsTakenFromCodeThatRuns(t *testing.T) {
	files, err := readme.Sources(".")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(files)
}
