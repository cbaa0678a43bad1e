// Package policy makes the least IAM policy under which a program reads its secrets.
//
// A policy names secrets by ARN. AWS adds a hyphen and six random characters to a secret's
// name there, so the policy has a ? for each of the six. It has a * for each part of an ID
// that only a run of the program knows.
package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles"
)

// A Config says what the policy needs beside the program.
type Config struct {
	// Partition, Region and Account are the parts of the secrets' ARNs. The defaults are aws,
	// and * for the other two.
	Partition, Region, Account string

	// Key is the ARN of the customer's KMS key that encrypts the secrets. With the key that AWS
	// manages, aws/secretsmanager, it is "", and the policy needs no statement about a key.
	Key string

	// Queue is the ARN of the SQS queue from which the program receives rotations, or "".
	Queue string

	// Any allows every secret for an ID of which nothing is known. Otherwise such an ID is an
	// error.
	Any bool

	// Fill gives the values of holes, as from the environment. It may be nil.
	Fill func(handles.Hole) (string, bool)
}

// A Document is an identity policy.
type Document struct {
	Version   string
	Statement []Statement
}

// A Statement allows actions on resources.
type Statement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string `json:",omitempty"`
}

// An UnknownError is about an ID of which nothing is known.
type UnknownError struct {
	Handle handles.Handle
	ID     handles.Text
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("the ID is %s; a policy for it would allow every secret", e.ID)
}

// MaxSize is the most characters beside white space that IAM allows in a managed policy.
const MaxSize = 6144

// Of returns the policy of a program. The error joins an [UnknownError] for each ID of which
// nothing is known.
func Of(p *handles.Program, cfg Config) (Document, error) {
	if err := cfg.check(); err != nil {
		return Document{}, err
	}
	var arns []string
	var errs []error
	for _, h := range p.Handles {
		for _, id := range h.IDs {
			pattern := cfg.pattern(id)
			if pattern == "*" && !cfg.Any {
				errs = append(errs, &UnknownError{h, id})
				continue
			}
			arns = append(arns, cfg.arn(pattern))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Document{}, err
	}
	arns = least(arns)
	doc := Document{Version: "2012-10-17"}
	if len(arns) > 0 {
		doc.Statement = append(doc.Statement, allow("ReadSecrets", arns, "secretsmanager:GetSecretValue"))
	}
	if len(p.Batches) > 0 {
		// The action has no resource. Which secrets a batch may read is decided by GetSecretValue.
		doc.Statement = append(doc.Statement, allow("ReadSecretsTogether", []string{"*"}, "secretsmanager:BatchGetSecretValue"))
	}
	if cfg.Key != "" && len(arns) > 0 {
		doc.Statement = append(doc.Statement, cfg.decrypt(arns))
	}
	if cfg.Queue != "" {
		doc.Statement = append(doc.Statement, allow("ReceiveRotations", []string{cfg.Queue},
			"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"))
	}
	return doc, nil
}

func allow(sid string, resources []string, actions ...string) Statement {
	return Statement{Sid: sid, Effect: "Allow", Action: actions, Resource: resources}
}

// decrypt allows the use of the key for these secrets, and only through Secrets Manager.
func (cfg Config) decrypt(arns []string) Statement {
	region := strings.Split(cfg.Key, ":")[3]
	if strings.HasPrefix(strings.SplitN(cfg.Key, "/", 2)[1], "mrk-") && cfg.Region == "*" {
		region = "*" // a replica of the key serves each region
	}
	st := allow("DecryptSecrets", []string{cfg.Key}, "kms:Decrypt")
	via, operator := "secretsmanager."+region+".amazonaws.com", "StringEquals"
	st.Condition = map[string]map[string][]string{"StringLike": {"kms:EncryptionContext:SecretARN": arns}}
	if region == "*" {
		operator = "StringLike"
	}
	if st.Condition[operator] == nil {
		st.Condition[operator] = map[string][]string{}
	}
	st.Condition[operator]["kms:ViaService"] = []string{via}
	return st
}

var (
	partitionForm = regexp.MustCompile(`^aws(-[a-z]+)*$`)
	regionForm    = regexp.MustCompile(`^(\*|[a-z]{2,}(-[a-z]+)+-[0-9]+)$`)
	accountForm   = regexp.MustCompile(`^(\*|[0-9]{12})$`)
	keyForm       = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$`)
	queueForm     = regexp.MustCompile(`^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[a-zA-Z0-9_-]+(\.fifo)?$`)
)

// check fills the defaults in, and reports a setting of a wrong form.
func (cfg *Config) check() error {
	for _, f := range []*string{&cfg.Region, &cfg.Account} {
		if *f == "" {
			*f = "*"
		}
	}
	if cfg.Partition == "" {
		cfg.Partition = "aws"
	}
	switch {
	case !partitionForm.MatchString(cfg.Partition):
		return fmt.Errorf("%q is no partition; it is aws, aws-cn or aws-us-gov", cfg.Partition)
	case !regionForm.MatchString(cfg.Region):
		return fmt.Errorf("%q is no region; one looks like eu-west-1", cfg.Region)
	case !accountForm.MatchString(cfg.Account):
		return fmt.Errorf("%q is no account; one has 12 digits", cfg.Account)
	case cfg.Key != "" && !keyForm.MatchString(cfg.Key):
		return fmt.Errorf("%q is no ARN of a KMS key; one looks like arn:aws:kms:eu-west-1:123456789012:key/…; a policy can't name an alias", cfg.Key)
	case cfg.Queue != "" && !queueForm.MatchString(cfg.Queue):
		return fmt.Errorf("%q is no ARN of an SQS queue; one looks like arn:aws:sqs:eu-west-1:123456789012:rotations", cfg.Queue)
	}
	return nil
}

// pattern returns an ID with a * for each part that is not known.
func (cfg Config) pattern(id handles.Text) string {
	return id.Filled(cfg.Fill).Pattern()
}

// complete matches an ARN with the six characters at its end.
var complete = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

// arn returns the pattern for the ARN of a secret.
func (cfg Config) arn(id string) string {
	switch {
	case strings.HasPrefix(id, "arn:") && (complete.MatchString(id) || strings.HasSuffix(id, "*")):
		return id
	case strings.HasPrefix(id, "arn:"):
		return id + "-??????"
	}
	arn := strings.Join([]string{"arn", cfg.Partition, "secretsmanager", cfg.Region, cfg.Account, "secret", id}, ":")
	if strings.HasSuffix(id, "*") {
		return arn // the six characters are part of what the * stands for
	}
	return arn + "-??????"
}

// least sorts the patterns, and leaves out those that another one covers.
func least(arns []string) (kept []string) {
	slices.Sort(arns)
	arns = slices.Compact(arns)
	for i, arn := range arns {
		covered := false
		for j, other := range arns {
			covered = covered || i != j && covers(other, arn)
		}
		if !covered {
			kept = append(kept, arn)
		}
	}
	return kept
}

// covers reports whether each ARN of one pattern is one of the other. It may report false
// although it is so.
func covers(pattern, other string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 || !strings.HasPrefix(other, parts[0]) {
		return false
	}
	other = other[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(other, part)
		if !found {
			return false
		}
		other = after
	}
	return strings.HasSuffix(other, parts[len(parts)-1])
}
