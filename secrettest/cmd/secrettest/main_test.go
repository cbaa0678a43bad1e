package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// TestMain lets the test binary run as the command, for the test of signals.
func TestMain(m *testing.M) {
	if os.Getenv("SECRETTEST_AS_COMMAND") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestTheCommandServesItsSeedsUntilASignal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seed.json")
	seeds := "\ufeff" + `{"text": "sesame", "object": {"a": 1}, "blob": {"SecretBinary": "AAEC"}, "list": [1]}`
	if err := os.WriteFile(file, []byte(seeds), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd := exec.Command(os.Args[0], "-seed", file)
		cmd.Env = append(os.Environ(), "SECRETTEST_AS_COMMAND=1")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timeout := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
		lines := bufio.NewScanner(out)
		var printed strings.Builder
		for lines.Scan() && !strings.Contains(lines.Text(), "Ctrl-C") {
			printed.WriteString(lines.Text() + "\n")
			if kv, ok := strings.CutPrefix(lines.Text(), "export "); ok {
				k, v, _ := strings.Cut(kv, "=")
				t.Setenv(k, strings.Trim(v, "'"))
			}
			if names, ok := strings.CutPrefix(lines.Text(), "unset "); ok {
				for _, k := range strings.Fields(names) {
					t.Setenv(k, "")
				}
			}
		}
		const unset = "unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_CA_BUNDLE AWS_MAX_ATTEMPTS AWS_RETRY_MODE AWS_DEFAULTS_MODE\n"
		if !strings.Contains(printed.String(), unset) {
			t.Errorf("printed:\n%swant %s", printed.String(), unset)
		}
		if strings.Contains(printed.String(), "sesame") {
			t.Error("a secret is printed")
		}
		cfg, err := config.LoadDefaultConfig(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		c := secretsmanager.NewFromConfig(cfg)
		for name, want := range map[string]string{"text": "sesame", "object": `{"a": 1}`, "list": "[1]", "blob": "\x00\x01\x02"} {
			got, err := c.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: &name})
			if err != nil {
				t.Fatal(err)
			}
			if aws.ToString(got.SecretString)+string(got.SecretBinary) != want {
				t.Errorf("%s is not what was seeded", name)
			}
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after %v: %v", sig, err)
		}
		timeout.Stop()
	}
}

func TestMistakesInTheSeedFileAreNamedAndNotQuoted(t *testing.T) {
	for _, row := range []struct{ name, file, want string }{
		{"not an object", `["sesame"]`, "line 1, column 1: a { is expected"},
		{"empty", ``, "line 1, column 1: a { is expected"},
		{"a syntax error in a value", "{\n\"a\": \"x\",\n\"b\": sesame}", "line 3, column 6: this is not JSON; a value is expected"},
		{"a value that never ends", "{\n\"a\": \"sesame", "line 2, column 13: the JSON ends too early"},
		{"a name twice", "{\"a\": \"x\",\n\"a\": \"sesame\"}", "line 2, column 1: another ID is expected"},
		{"null", `{"a": null}`, "line 1, column 2: the secret here: null is no value"},
		{"not base64", "{\n\n\"a\": {\"SecretBinary\": \"?sesame\"}}", "line 3, column 1: the secret here: SecretBinary is not standard base64"},
		{"a number for base64", `{"a": {"SecretBinary": 1}}`, "line 1, column 2: the secret here: SecretBinary must be a string"},
		{"no comma", `{"a": "x" "sesame": "y"}`, "line 1, column 11: a comma or the end of the object is wanted"},
		{"more", "{}\n{\"sesame\": 1}", "line 2, column 1: there is more behind the JSON value"},
		{"not UTF-8", "{\n\"a\": \"sesame\xe4\"}", "line 2, column 13: a string is not valid UTF-8"},
		{"a name that is not UTF-8", "{\"\xe4\": \"sesame\"}", "line 1, column 3: a string is not valid UTF-8"},
		{"a bad name", "{\"sesame b\": \"sesame\"}", `: line 1, column 2: the secret here: ValidationException: Invalid name`},
		{"a name too long", `{"` + strings.Repeat("sesame", 90) + `": "x"}`, "line 1, column 2: the secret here: its name has 540 characters"},
		{"a secret for a name", `{"a": "x", "sesame"}`, "line 1, column 20: a colon is wanted"},
		{"too long", `{"a": "` + strings.Repeat("sesame", 11000) + `"}`, `: line 1, column 2: the secret here: ValidationException: `},
		{"empty binary", `{"a": {"SecretBinary": ""}}`, `: line 1, column 2: the secret here: ValidationException: `},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "seed.json")
			if err := os.WriteFile(file, []byte(row.file), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			err := run(ctx, []string{"-seed", file}, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Fatalf("error = %v, want %s", err, row.want)
			}
			if strings.Contains(err.Error(), "sesame") {
				t.Errorf("the error quotes the file: %v", err)
			}
		})
	}
}

// TestNoMistakeInTheSeedFileQuotesASecret puts a secret at each position of a file:
// inserted, in place of a byte, and as the end of the file.
func TestNoMistakeInTheSeedFileQuotesASecret(t *testing.T) {
	const document = `{"prod/db": {"port": 5432, "a": [null]}, "blob": {"SecretBinary": "AAEC"}, "n": -1.5, "prod/key": "a\u00e9"}`
	file := filepath.Join(t.TempDir(), "seed.json")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, secret := range []string{"Zq7!Xw9@Kv3#Jp5$", `Zq7"Xw9\Kv3{Jp5'`, strings.Repeat("Zq7!Xw9@Kv3/", 50)} {
		for i := range len(document) {
			for _, content := range []string{
				document[:i] + secret, document[:i] + secret + document[i:], document[:i] + secret + document[i+1:],
			} {
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				err := run(ctx, []string{"-seed", file}, io.Discard, io.Discard)
				for n := range secret[:12] {
					if err != nil && strings.Contains(err.Error(), secret[n:n+4]) {
						t.Fatalf("%s: the error quotes %q: %v", content, secret[n:n+4], err)
					}
				}
			}
		}
	}
}

func TestHelpAndBadFlags(t *testing.T) {
	var help strings.Builder
	if err := run(context.Background(), []string{"-h"}, io.Discard, &help); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
	for _, want := range []string{"Usage:", "-seed", "-addr", "SecretBinary"} {
		if !strings.Contains(help.String(), want) {
			t.Errorf("the help lacks %s", want)
		}
	}
	for _, row := range []struct {
		args []string
		exit int
		want string // the beginning of the first line
	}{
		{[]string{"x"}, 2, `secrettest: unexpected argument "x"; -h lists the flags`},
		{[]string{"-nonsense"}, 2, "flag provided but not defined: -nonsense"},
		{[]string{"-h"}, 0, "Usage:"},
		{[]string{"-seed", "/does/not/exist"}, 1, "secrettest: open /does/not/exist:"},
		{[]string{"-addr", "nowhere:x"}, 1, "secrettest: no address to listen on: "},
		{[]string{"-region", "x'; echo"}, 1, `secrettest: the region "x'; echo" `},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		cmd := exec.CommandContext(ctx, os.Args[0], row.args...)
		cmd.Env = append(os.Environ(), "SECRETTEST_AS_COMMAND=1")
		out, _ := cmd.CombinedOutput()
		cancel()
		if got := cmd.ProcessState.ExitCode(); got != row.exit {
			t.Errorf("%q exits with %d, want %d", row.args, got, row.exit)
		}
		if !strings.HasPrefix(string(out), row.want) || strings.Count(string(out), row.want) != 1 {
			t.Errorf("%q prints\n%s\nwant once, first: %s", row.args, out, row.want)
		}
	}
}
