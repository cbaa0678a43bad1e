package secrettest

import (
	"regexp"
	"strings"
)

// keyForm is what may stand for a KMS key: an ID, an alias, or the ARN of either.
// Which keys there are the server does not know.
var keyForm = func() *regexp.Regexp {
	const (
		alias = `alias/[a-zA-Z0-9/_-]+`
		id    = `([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|mrk-[0-9a-fA-F]{32})`
	)
	return regexp.MustCompile(`^(` + alias + `|` + id + `|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(` + alias + `|key/` + id + `))$`)
}()

// checkKey returns the error for a text that can't be a KMS key, in the words that
// hashicorp/terraform-provider-aws issue 13303 quotes.
func checkKey(id *string) error {
	if id == nil || *id == "" || keyForm.MatchString(*id) {
		return nil
	}
	return invalidParameter("The operation failed because of an invalid KMS key: Invalid keyId")
}

// keyOf returns the KMS key that a description mentions: "" for the service's own,
// however it is named (API Reference, DescribeSecret, KmsKeyId).
func keyOf(id *string) string {
	if id == nil || *id == defaultKeyAlias || strings.HasPrefix(*id, "arn:") && strings.HasSuffix(*id, ":"+defaultKeyAlias) {
		return ""
	}
	return *id
}
