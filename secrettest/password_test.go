package secrettest_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

const (
	lower       = "abcdefghijklmnopqrstuvwxyz"
	upper       = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits      = "0123456789"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

func TestRandomPasswords(t *testing.T) {
	c := client(t, secrettest.New(t))
	yes, no := aws.Bool(true), aws.Bool(false)
	for _, row := range []struct {
		name   string
		in     secretsmanager.GetRandomPasswordInput
		length int
		of     string   // the allowed characters
		each   []string // at least one character of each must be in it
	}{
		{"as it comes", secretsmanager.GetRandomPasswordInput{}, 32, lower + upper + digits + punctuation, []string{lower, upper, digits, punctuation}},
		{"short", secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(4)}, 4, lower + upper + digits + punctuation, []string{lower, upper, digits, punctuation}},
		{"shorter", secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(1), RequireEachIncludedType: no}, 1, lower + upper + digits + punctuation, nil},
		{"long", secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(4096)}, 4096, lower + upper + digits + punctuation, []string{lower, upper, digits, punctuation}},
		{"without what AWS's templates exclude", secretsmanager.GetRandomPasswordInput{ExcludeCharacters: aws.String(`:/@"'\`)}, 32, lower + upper + digits + "!#$%&()*+,-.;<=>?[]^_`{|}~", []string{lower, upper, digits}},
		{"digits alone", secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(6), ExcludeLowercase: yes, ExcludeUppercase: yes, ExcludePunctuation: yes}, 6, digits, []string{digits}},
		{"letters alone, by exclusion", secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(2), ExcludeCharacters: aws.String(digits + punctuation)}, 2, lower + upper, []string{lower, upper}},
		{"spaces alone", secretsmanager.GetRandomPasswordInput{IncludeSpace: yes, ExcludeNumbers: yes, ExcludeCharacters: aws.String(lower + upper + punctuation)}, 32, " ", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			seen := map[string]bool{}
			for range 50 {
				out, err := c.GetRandomPassword(ctx, &row.in)
				if err != nil {
					t.Fatal(err)
				}
				password := *out.RandomPassword
				if len(password) != row.length {
					t.Errorf("%d characters, want %d", len(password), row.length)
				}
				if strange := strings.Trim(password, row.of); strange != "" {
					t.Errorf("%q is in it", strange)
				}
				for _, chars := range row.each {
					if !strings.ContainsAny(password, chars) {
						t.Errorf("none of %q is in it", chars)
					}
				}
				seen[password] = true
			}
			if row.length >= 32 && len(row.of) > 1 && len(seen) != 50 {
				t.Errorf("%d passwords of 50 differ", len(seen))
			}
		})
	}
	_, err := c.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(3)})
	wantError(t, err, "InvalidParameterException", "Password length is too short based on the required types.")
	_, err = c.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{ExcludeCharacters: aws.String(lower + upper + digits + punctuation)})
	wantError(t, err, "InvalidParameterException", "")
}
