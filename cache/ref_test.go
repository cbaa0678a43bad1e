package cache_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/cache"
)

// printed returns what each verb makes of v.
func printed(v any) (all []string) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all = append(all, fmt.Sprintf(verb, v))
	}
	return all
}

const (
	uuid   = "11111111-2222-3333-4444-555555555555"
	anyARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1B2c3"
)

func TestValidateSaysWhatCannotNameASecret(t *testing.T) {
	for _, test := range []struct {
		name string
		ref  cache.Ref
		says string // empty: valid
	}{
		{"name", cache.Ref{ID: "prod/db"}, ""},
		{"name with all that is allowed", cache.Ref{ID: "a/Z_0+=.@-"}, ""},
		{"name that ends like an ARN", cache.Ref{ID: "prod/db-a1B2c3"}, ""},
		{"name in another script", cache.Ref{ID: strings.Repeat("ü", 2048)}, ""},
		{"full ARN", cache.Ref{ID: anyARN}, ""},
		{"partial ARN", cache.Ref{ID: strings.TrimSuffix(anyARN, "-a1B2c3")}, ""},
		{"ARN in China", cache.Ref{ID: "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:db"}, ""},
		{"stage", cache.Ref{ID: "db", Stage: strings.Repeat("s", 256)}, ""},
		{"shortest version", cache.Ref{ID: "db", VersionID: strings.Repeat("v", 32)}, ""},
		{"longest version", cache.Ref{ID: "db", VersionID: strings.Repeat("v", 64)}, ""},
		{"stage and version", cache.Ref{ID: "db", Stage: "AWSCURRENT", VersionID: uuid}, ""},

		{"empty ID", cache.Ref{}, "the secret ID is empty; give a secret's name or ARN"},
		{"blank ID", cache.Ref{ID: " \t\n"}, "the secret ID is empty"},
		{"stage only", cache.Ref{Stage: "AWSCURRENT"}, "the secret ID is empty"},
		{"ID of 3,000 characters", cache.Ref{ID: strings.Repeat("i", 3000)}, "the secret ID has 3000 characters; at most 2048"},
		{"ID of 2,049 characters", cache.Ref{ID: strings.Repeat("ü", 2049)}, "the secret ID has 2049 characters"},
		{"newline at the end", cache.Ref{ID: "prod/db\n"}, "the secret ID has a control character at byte 7; was it read with its line's end?"},
		{"NUL", cache.Ref{ID: "prod\x00db"}, "control character at byte 4"},
		{"not UTF-8", cache.Ref{ID: "prod\xff"}, "the secret ID is not valid UTF-8"},
		{"ARN cut short", cache.Ref{ID: "arn:aws:secretsmanager"}, "begins with arn: but is no ARN; a secret's looks like arn:aws:secretsmanager:"},
		{"ARN of a parameter", cache.Ref{ID: "arn:aws:ssm:eu-west-1:123456789012:parameter/db"}, `not one of a secret (arn:…:secretsmanager:…:secret:NAME) but of service "ssm"`},
		{"ARN of a key", cache.Ref{ID: "arn:aws:kms:eu-west-1:123456789012:key/" + uuid}, `of service "kms"`},
		{"ARN of a role", cache.Ref{ID: "arn:aws:iam::123456789012:role/app"}, `of service "iam"`},
		{"ARN of no secret", cache.Ref{ID: "arn:aws:secretsmanager:eu-west-1:123456789012:policy:x"}, "not one of a secret"},
		{"ARN without region", cache.Ref{ID: "arn:aws:secretsmanager::123456789012:secret:db"}, "lacks its partition, region, account or name"},
		{"ARN without account", cache.Ref{ID: "arn:aws:secretsmanager:eu-west-1::secret:db"}, "lacks its"},
		{"ARN without partition", cache.Ref{ID: "arn::secretsmanager:eu-west-1:123456789012:secret:db"}, "lacks its"},
		{"ARN without name", cache.Ref{ID: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"}, "lacks its"},
		{"stage too long", cache.Ref{ID: "db", Stage: strings.Repeat("s", 257)}, "the version stage has 257 characters; at most 256"},
		{"stage with a tab", cache.Ref{ID: "db", Stage: "AWS\tCURRENT"}, "the version stage has a control character at byte 3"},
		{"stage not UTF-8", cache.Ref{ID: "db", Stage: "\xff"}, "the version stage is not valid UTF-8"},
		{"version too short", cache.Ref{ID: "db", VersionID: "v1"}, "the version ID has 2 characters; Secrets Manager's have 32 to 64"},
		{"version too long", cache.Ref{ID: "db", VersionID: strings.Repeat("v", 65)}, "the version ID has 65 characters"},
		{"version with a newline", cache.Ref{ID: "db", VersionID: uuid + "\n"}, "the version ID has a control character at byte 36"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serving()
			err := test.ref.Validate()
			if test.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, cache.ErrInvalidRef) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want …%s…", err, test.says)
			}
			c := open(t, s, cache.Config{})
			_, fromGet := c.Get(t.Context(), test.ref)
			_, fromRefresh := c.Refresh(t.Context(), test.ref)
			for method, err := range map[string]error{"Get": fromGet, "Refresh": fromRefresh, "Invalidate": c.Invalidate(test.ref)} {
				if !errors.Is(err, cache.ErrInvalidRef) {
					t.Errorf("%s: %v", method, err)
				}
			}
			wantCalls(t, s, 0)
			if c.Entries() != 0 {
				t.Error("it is remembered")
			}
		})
	}
}

func TestARefPrintsItsParts(t *testing.T) {
	for want, r := range map[string]cache.Ref{
		"prod/db":                     {ID: "prod/db"},
		"prod/db@AWSPREVIOUS":         {ID: "prod/db", Stage: "AWSPREVIOUS"},
		"prod/db#" + uuid:             {ID: "prod/db", VersionID: uuid},
		"prod/db@AWSCURRENT#" + uuid:  {ID: "prod/db", VersionID: uuid, Stage: "AWSCURRENT"},
		anyARN + "@AWSPENDING#" + "x": {ID: anyARN, VersionID: "x", Stage: "AWSPENDING"},
	} {
		if got := r.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestParseARNTakesASecretsARNApart(t *testing.T) {
	got, err := cache.ParseARN(anyARN)
	want := cache.ARN{Partition: "aws", Region: "eu-west-1", Account: "123456789012", Name: "prod/db-a1B2c3"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got.String() != anyARN {
		t.Errorf("String: %s", got)
	}
}

func FuzzRef(f *testing.F) {
	f.Add("prod/db", "AWSCURRENT", "")
	f.Add(anyARN, "", uuid)
	f.Add("arn:aws:secretsmanager:eu-west-1:1:secret:a:b:c", "", "")
	f.Add("arn:aws:ssm:eu-west-1:1:parameter/x", "", "")
	f.Add("a\x00b\nc", "\xff", "short")
	f.Fuzz(func(t *testing.T, id, stage, version string) {
		r := cache.Ref{ID: id, Stage: stage, VersionID: version}
		err := r.Validate()
		if err != nil && !errors.Is(err, cache.ErrInvalidRef) {
			t.Errorf("%v does not wrap ErrInvalidRef", err)
		}
		if err != nil && strings.ContainsFunc(err.Error(), func(c rune) bool { return c < ' ' }) {
			t.Errorf("the error has a control character: %q", err)
		}
		text := r.String()
		if !strings.HasPrefix(text, id) || !strings.Contains(text, stage) || !strings.HasSuffix(text, version) {
			t.Errorf("String: %q", text)
		}
		arn, arnErr := cache.ParseARN(id)
		if arnErr == nil {
			if arn.String() != id {
				t.Errorf("%q became %q", id, arn)
			}
			if again, err := cache.ParseARN(arn.String()); err != nil || again != arn {
				t.Errorf("%#v became %#v, %v", arn, again, err)
			}
		} else if !errors.Is(arnErr, cache.ErrInvalidRef) {
			t.Errorf("%v does not wrap ErrInvalidRef", arnErr)
		}
		if err == nil && strings.HasPrefix(id, "arn:") && arnErr != nil {
			t.Errorf("valid, although: %v", arnErr)
		}
	})
}

func TestALongReferenceIsShownInPart(t *testing.T) {
	long := &cache.Error{Ref: cache.Ref{ID: strings.Repeat("é", 3000)}, Err: cache.ErrInvalidRef}
	if n := len([]rune(long.Error())); n > 300 {
		t.Errorf("%d characters", n)
	}
	if none := (&cache.Error{Err: cache.ErrInvalidRef}).Error(); !strings.HasPrefix(none, `secret "": `) {
		t.Error(none)
	}
}
