package elasticmqtest

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Run("the jars", func(t *testing.T) {
		dir := t.TempDir()
		t.Setenv(Variable, dir)
		_, err := Start(Config{})
		if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "no elasticmq-server_*.jar is in "+dir) || !strings.Contains(err.Error(), "mvn ") {
			t.Errorf("error = %v", err)
		}
	})
	t.Run("Java", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if _, err := Start(Config{}); !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "java is not on PATH") {
			t.Errorf("error = %v", err)
		}
	})
}

func TestTheVersionIsThatOfThePOM(t *testing.T) {
	pom, err := os.ReadFile("pom.xml")
	if err != nil || !strings.Contains(string(pom), "<version>"+Version+"</version>") {
		t.Errorf("pom.xml does not have the version %s: %v", Version, err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	s, err := Start(Config{})
	if err != nil {
		t.Fatal(err)
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
