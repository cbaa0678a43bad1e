package secret_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/secret"
)

const (
	uuid   = "11111111-2222-3333-4444-555555555555"
	anyARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1B2c3"
)

func TestValidateSaysWhatCannotNameASecret(t *testing.T) {
	for _, test := range []struct {
		name string
		ref  secret.Ref
		says string // empty: valid
	}{
		{"name", secret.Ref{ID: "prod/db"}, ""},
		{"name with all that is allowed", secret.Ref{ID: "a/Z_0+=.@-"}, ""},
		{"name that ends like an ARN", secret.Ref{ID: "prod/db-a1B2c3"}, ""},
		{"name in another script", secret.Ref{ID: strings.Repeat("ü", 2048)}, ""},
		{"full ARN", secret.Ref{ID: anyARN}, ""},
		{"partial ARN", secret.Ref{ID: strings.TrimSuffix(anyARN, "-a1B2c3")}, ""},
		{"ARN in China", secret.Ref{ID: "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:db"}, ""},
		{"stage", secret.Ref{ID: "db", Stage: strings.Repeat("s", 256)}, ""},
		{"shortest version", secret.Ref{ID: "db", VersionID: strings.Repeat("v", 32)}, ""},
		{"longest version", secret.Ref{ID: "db", VersionID: strings.Repeat("v", 64)}, ""},
		{"stage and version", secret.Ref{ID: "db", Stage: "AWSCURRENT", VersionID: uuid}, ""},

		{"empty ID", secret.Ref{}, "the secret ID is empty; give a secret's name or ARN"},
		{"blank ID", secret.Ref{ID: " \t\n"}, "the secret ID is empty"},
		{"stage only", secret.Ref{Stage: "AWSCURRENT"}, "the secret ID is empty"},
		{"ID of 3,000 characters", secret.Ref{ID: strings.Repeat("i", 3000)}, "the secret ID has 3000 characters; at most 2048"},
		{"ID of 2,049 characters", secret.Ref{ID: strings.Repeat("ü", 2049)}, "the secret ID has 2049 characters"},
		{"newline at the end", secret.Ref{ID: "prod/db\n"}, "the secret ID has a control character at byte 7; was it read with its line's end?"},
		{"NUL", secret.Ref{ID: "prod\x00db"}, "control character at byte 4"},
		{"not UTF-8", secret.Ref{ID: "prod\xff"}, "the secret ID is not valid UTF-8"},
		{"ARN cut short", secret.Ref{ID: "arn:aws:secretsmanager"}, "begins with arn: but is no ARN; a secret's looks like arn:aws:secretsmanager:"},
		{"ARN of a parameter", secret.Ref{ID: "arn:aws:ssm:eu-west-1:123456789012:parameter/db"}, `not one of a secret (arn:…:secretsmanager:…:secret:NAME) but of service "ssm"`},
		{"ARN of a key", secret.Ref{ID: "arn:aws:kms:eu-west-1:123456789012:key/" + uuid}, `of service "kms"`},
		{"ARN of a role", secret.Ref{ID: "arn:aws:iam::123456789012:role/app"}, `of service "iam"`},
		{"ARN of no secret", secret.Ref{ID: "arn:aws:secretsmanager:eu-west-1:123456789012:policy:x"}, "not one of a secret"},
		{"ARN that is cut off", secret.Ref{ID: "arn:aws:secretsmanager:eu-west-1:123456789012:secret"}, "behind the account; is it cut off?"},
		{"ARN without region", secret.Ref{ID: "arn:aws:secretsmanager::123456789012:secret:db"}, "lacks its partition, region, account or name"},
		{"ARN without account", secret.Ref{ID: "arn:aws:secretsmanager:eu-west-1::secret:db"}, "lacks its"},
		{"ARN without partition", secret.Ref{ID: "arn::secretsmanager:eu-west-1:123456789012:secret:db"}, "lacks its"},
		{"ARN without name", secret.Ref{ID: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"}, "lacks its"},
		{"ARN as ECS writes it", secret.Ref{ID: anyARN + ":password::"}, `as Amazon ECS writes it; here the ID is "` + anyARN + `", and the key "password" is for WithKey`},
		{"ARN as ECS writes it, with a stage", secret.Ref{ID: anyARN + ":password:AWSPREVIOUS:"}, `the key "password" is for WithKey, the stage "AWSPREVIOUS" is for WithStage`},
		{"ARN as ECS writes it, with a version", secret.Ref{ID: anyARN + ":::" + uuid}, `here the ID is "` + anyARN + `", and the version ID "` + uuid + `" is for WithVersionID`},
		{"ARN with colons alone", secret.Ref{ID: anyARN + ":::"}, `here the ID is "` + anyARN + `"`},
		{"ARN with more colons than ECS has", secret.Ref{ID: anyARN + ":a:b:c:d"}, `has a colon in the secret's name "prod/db-a1B2c3:a:b:c:d"`},
		{"blank at the end", secret.Ref{ID: "prod/db "}, `the secret ID "prod/db " begins or ends with a blank, which no secret's name does`},
		{"blank at the beginning", secret.Ref{ID: "\u3000prod/db"}, `"\u3000prod/db" begins or ends with a blank`},
		{"blank at the end of an ARN", secret.Ref{ID: anyARN + " "}, "begins or ends with a blank"},
		{"right to left", secret.Ref{ID: "prod/\u202edb"}, `the secret ID "prod/\u202edb" has the character U+202E at byte 5, which can't be seen`},
		{"zero width", secret.Ref{ID: "prod/db\u200b"}, `has the character U+200B at byte 7`},
		{"escape", secret.Ref{ID: "prod/\x1b[31mdb"}, "control character at byte 5"},
		{"stage too long", secret.Ref{ID: "db", Stage: strings.Repeat("s", 257)}, "the version stage has 257 characters; at most 256"},
		{"stage with a tab", secret.Ref{ID: "db", Stage: "AWS\tCURRENT"}, "the version stage has a control character at byte 3"},
		{"stage not UTF-8", secret.Ref{ID: "db", Stage: "\xff"}, "the version stage is not valid UTF-8"},
		{"version too short", secret.Ref{ID: "db", VersionID: "v1"}, "the version ID has 2 characters; Secrets Manager's have 32 to 64"},
		{"version too long", secret.Ref{ID: "db", VersionID: strings.Repeat("v", 65)}, "the version ID has 65 characters"},
		{"version with a newline", secret.Ref{ID: "db", VersionID: uuid + "\n"}, "the version ID has a control character at byte 36"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.ref.Validate()
			if test.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, secret.ErrInvalidRef) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want …%s…", err, test.says)
			}
		})
	}
}

func TestARefPrintsItsParts(t *testing.T) {
	for want, r := range map[string]secret.Ref{
		"prod/db":                       {ID: "prod/db"},
		"prod/db@AWSPREVIOUS":           {ID: "prod/db", Stage: "AWSPREVIOUS"},
		"prod/db#" + uuid:               {ID: "prod/db", VersionID: uuid},
		"prod/db@AWSCURRENT#" + uuid:    {ID: "prod/db", VersionID: uuid, Stage: "AWSCURRENT"},
		anyARN + "@AWSPENDING#" + "x":   {ID: anyARN, VersionID: "x", Stage: "AWSPENDING"},
		`"prod/db "`:                    {ID: "prod/db "},
		`"\x1b[31mred"@"a\nb"#"\u202e"`: {ID: "\x1b[31mred", Stage: "a\nb", VersionID: "\u202e"},
		`"\xff"`:                        {ID: "\xff"},
		"pässwörd 密码 x":                 {ID: "pässwörd 密码 x"},
	} {
		if got := r.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestParseARNTakesASecretsARNApart(t *testing.T) {
	got, err := secret.ParseARN(anyARN)
	want := secret.ARN{Partition: "aws", Region: "eu-west-1", Account: "123456789012", Name: "prod/db-a1B2c3"}
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
		r := secret.Ref{ID: id, Stage: stage, VersionID: version}
		err := r.Validate()
		if err != nil && !errors.Is(err, secret.ErrInvalidRef) {
			t.Errorf("%v does not wrap ErrInvalidRef", err)
		}
		unseen := func(c rune) bool { return !unicode.IsPrint(c) }
		if err != nil && strings.ContainsFunc(err.Error(), unseen) {
			t.Errorf("the error has a character that can't be seen: %q", err)
		}
		text := r.String()
		if strings.ContainsFunc(text, unseen) {
			t.Errorf("String has a character that can't be seen: %q", text)
		}
		if err == nil && (!strings.HasPrefix(text, id) || !strings.Contains(text, stage) || !strings.HasSuffix(text, version)) &&
			!strings.ContainsFunc(stage+version, unseen) && strings.TrimSpace(stage) == stage && strings.TrimSpace(version) == version {
			t.Errorf("String: %q", text)
		}
		arn, arnErr := secret.ParseARN(id)
		if arnErr == nil {
			if arn.String() != id {
				t.Errorf("%q became %q", id, arn)
			}
			if again, err := secret.ParseARN(arn.String()); err != nil || again != arn {
				t.Errorf("%#v became %#v, %v", arn, again, err)
			}
		} else if !errors.Is(arnErr, secret.ErrInvalidRef) {
			t.Errorf("%v does not wrap ErrInvalidRef", arnErr)
		}
		if err == nil && strings.HasPrefix(id, "arn:") && arnErr != nil {
			t.Errorf("valid, although: %v", arnErr)
		}
	})
}

func TestAnErrorQuotesAnIDThatCantBeSeen(t *testing.T) {
	for id, want := range map[string]string{
		"prod/db ": `secret "prod/db ": invalid`, "a\x1b[2Jb": `secret "a\x1b[2Jb": invalid`, "\u202ea": `secret "\u202ea": invalid`,
		"a\nb": `secret "a\nb": invalid`, "prod/db": "secret prod/db: invalid",
	} {
		if got := (&secret.Error{Ref: secret.Ref{ID: id}, Err: secret.ErrInvalidRef}).Error(); !strings.HasPrefix(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestALongReferenceIsShownInPart(t *testing.T) {
	long := &secret.Error{Ref: secret.Ref{ID: strings.Repeat("é", 3000)}, Err: secret.ErrInvalidRef}
	if n := len([]rune(long.Error())); n > 300 {
		t.Errorf("%d characters", n)
	}
	if none := (&secret.Error{Err: secret.ErrInvalidRef}).Error(); !strings.HasPrefix(none, `secret "": `) {
		t.Error(none)
	}
}
