package promtest

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestMissingProgramIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	saved := folders
	folders = []string{t.TempDir()}
	defer func() { folders = saved }()
	_, err := Start(Config{})
	if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "install Debian's package prometheus") {
		t.Errorf("error = %v", err)
	}
}

func TestWhatPrometheusPrintsIsInTheError(t *testing.T) {
	_, err := Start(Config{Rules: "groups: [{nonsense: 1}]"})
	if err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("error = %v", err)
	}
}

func TestQueriesAndTheEnd(t *testing.T) {
	s, err := Start(Config{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Query(t.Context(), "vector(7)")
	if err != nil || len(got) != 1 || got[0].Value != 7 {
		t.Errorf("vector(7) = %v, %v", got, err)
	}
	for _, query := range []string{"7", "no query"} {
		if got, err := s.Query(t.Context(), query); err == nil {
			t.Errorf("%s = %v", query, got)
		}
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	select {
	case <-s.home.Process.Exited():
	default:
		t.Error("the process is still there")
	}
	if _, err := os.Stat(s.home.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}
