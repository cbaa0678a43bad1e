package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAPersonsSettingsDoNotLeadAReleaseElsewhere: a person signs tags, has hooks for all
// repositories, and works within a hook, a workspace and an environment of their own.
func TestAPersonsSettingsDoNotLeadAReleaseElsewhere(t *testing.T) {
	repo := newTiny(t)
	repo.write("sub/example_test.go", strings.NewReplacer(`"fmt"`, "\"fmt\"\n\t\"os\"", "sub.Two)", `sub.Two, os.Getenv("TYPEDSECRET_SOURCE"))`).
		Replace(tinyFiles["sub/example_test.go"]))
	repo.commit("c")
	home := tiny{t, t.TempDir()}
	for name, text := range map[string]string{
		"gpg":              "#!/bin/sh\ncat >/dev/null\necho -----BEGIN PGP SIGNATURE-----\nprintf '\\n[GNUPG:] SIG_CREATED \\n' >&2\n",
		"hooks/pre-commit": "#!/bin/sh\nexit 1\n",
		"config":           "[tag]\n\tgpgSign = true\n[gpg]\n\tprogram = \"" + home.dir + "/gpg\"\n[core]\n\thooksPath = \"" + home.dir + "/hooks\"\n",
	} {
		home.write(name, text)
		if err := os.Chmod(filepath.Join(home.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{
		"GIT_CONFIG_GLOBAL": home.dir + "/config", "GIT_DIR": "/nowhere", "GIT_EDITOR": "false",
		"GOFLAGS": "-mod=mod", "GOWORK": "/nowhere", "TYPEDSECRET_SOURCE": "mine",
	} {
		t.Setenv(name, value)
	}
	r, out, _ := repo.release()
	if err := r.prepare(t.Context(), repo.dir, "v0.1.0"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	os.Unsetenv("GIT_DIR")
	if got := repo.git("cat-file", "tag", "v0.1.0"); !strings.Contains(got, "BEGIN PGP SIGNATURE") {
		t.Errorf("the tag is not signed:\n%s", got)
	}
}
