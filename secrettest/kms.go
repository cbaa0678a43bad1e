package secrettest

import (
	"regexp"
	"strings"
)

// keyForm matches the ID, the alias or an ARN of a KMS key. The server does not know which
// keys exist.
var keyForm = func() *regexp.Regexp {
	const (
		alias = `alias/[a-zA-Z0-9/_-]+`
		id    = `([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|mrk-[0-9a-fA-F]{32})`
	)
	return regexp.MustCompile(`^(` + alias + `|` + id + `|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(` + alias + `|key/` + id + `))$`)
}()

// checkKey returns an error for a text that can't name a KMS key. The words are from
// hashicorp/terraform-provider-aws issue 13303.
func checkKey(id *string) error {
	if id == nil || *id == "" || keyForm.MatchString(*id) {
		return nil
	}
	return invalidParameter("The operation failed because of an invalid KMS key: Invalid keyId")
}

// keyOf returns the KMS key in a description. It is "" for each name of the service's own
// key (API Reference, DescribeSecret, KmsKeyId).
func keyOf(id *string) string {
	if id == nil || *id == defaultKeyAlias || strings.HasPrefix(*id, "arn:") && strings.HasSuffix(*id, ":"+defaultKeyAlias) {
		return ""
	}
	return *id
}
