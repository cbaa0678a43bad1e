// Package secret is for those who read secrets from another place than AWS: write a [Source],
// which has one method, and give it to cache.New. Package source/sourcetest tests it. A source
// that can fetch several secrets in one request is a [ManySource].
//
// The package has the words that the other packages share. A [Ref] names a secret and one of
// its versions. A [Value] is what a source fetched, and its [Payload] the secret itself, which
// no form of printing shows. An [Error] says why there is none, and wraps one of the sentinels.
package secret

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// Limits of the API, from the reference page of the GetSecretValue action:
// SecretId and VersionStage by length, VersionId by its ClientRequestToken.
const (
	maxIDLen        = 2048
	maxStageLen     = 256
	minVersionIDLen = 32
	maxVersionIDLen = 64
)

// CurrentStage is the version stage of the version that programs are to use.
const CurrentStage = "AWSCURRENT"

// A Ref names what to fetch: a secret and which of its versions. It is
// comparable, and the key under which a Cache keeps a Value: a secret that is named in two
// ways, by its name and by its ARN say, is kept and refreshed twice.
type Ref struct {
	// ID is the secret's name, its full ARN, or its ARN without the hyphen and
	// six characters that Secrets Manager adds.
	ID string

	// Stage is the version stage, such as AWSCURRENT, AWSPREVIOUS or
	// AWSPENDING. If Stage and VersionID are both empty, the Cache's
	// default stage is meant.
	Stage string

	// VersionID pins one immutable version. A Stage given with it must be a
	// stage of that version, or Secrets Manager refuses the request.
	VersionID string
}

// String returns the Ref for people to read: prod/db, prod/db@AWSPREVIOUS, or
// prod/db#version. A part that begins or ends with a blank, or has a character that can't be
// seen, is quoted as in Go. It holds no secret.
func (r Ref) String() string {
	s := shown(r.ID)
	if r.Stage != "" {
		s += "@" + shown(r.Stage)
	}
	if r.VersionID != "" {
		s += "#" + shown(r.VersionID)
	}
	return s
}

func shown(text string) string {
	if strings.TrimSpace(text) == text && utf8.ValidString(text) && !strings.ContainsFunc(text, isUnseen) {
		return text
	}
	return strconv.Quote(text)
}

// isUnseen reports whether a character does not show as itself: one of control, one that
// changes the direction of the text, a blank of no width.
func isUnseen(r rune) bool { return !unicode.IsPrint(r) }

// Validate reports what Secrets Manager would refuse in r without being asked,
// as an error that wraps [ErrInvalidRef]. An ID that begins with "arn:" must be
// the ARN of a secret.
func (r Ref) Validate() error {
	if err := r.validateID(); err != nil {
		return err
	}
	if err := checkText("version stage", r.Stage); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(r.Stage); n > maxStageLen {
		return fmt.Errorf("%w: the version stage has %d characters; at most %d are allowed", ErrInvalidRef, n, maxStageLen)
	}
	if err := checkText("version ID", r.VersionID); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(r.VersionID); r.VersionID != "" && (n < minVersionIDLen || n > maxVersionIDLen) {
		return fmt.Errorf("%w: the version ID has %d characters; Secrets Manager's have %d to %d, mostly a UUID",
			ErrInvalidRef, n, minVersionIDLen, maxVersionIDLen)
	}
	return nil
}

func (r Ref) validateID() error {
	if isPlain(r.ID) && !strings.HasPrefix(r.ID, "arn:") {
		return nil // as most are, in a third of the time: programs make handles by the thousand
	}
	if strings.TrimSpace(r.ID) == "" {
		return fmt.Errorf("%w: the secret ID is empty; give a secret's name or ARN, such as prod/db", ErrInvalidRef)
	}
	if n := utf8.RuneCountInString(r.ID); n > maxIDLen {
		return fmt.Errorf("%w: the secret ID has %d characters; at most %d are allowed", ErrInvalidRef, n, maxIDLen)
	}
	if err := checkText("secret ID", r.ID); err != nil {
		return err
	}
	if strings.TrimSpace(r.ID) != r.ID {
		return fmt.Errorf("%w: the secret ID %.200q begins or ends with a blank, which no secret's name does; "+
			"was it read from a line or a list?", ErrInvalidRef, r.ID)
	}
	if i := strings.IndexFunc(r.ID, isUnseen); i >= 0 {
		c, _ := utf8.DecodeRuneInString(r.ID[i:])
		return fmt.Errorf("%w: the secret ID %.200q has the character %U at byte %d, which can't be seen and is in no secret's name",
			ErrInvalidRef, r.ID, c, i)
	}
	if strings.HasPrefix(r.ID, "arn:") {
		if _, err := ParseARN(r.ID); err != nil {
			return err
		}
	}
	return nil
}

// isPlain reports whether id is of visible ASCII characters alone, and not too long.
func isPlain(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || '~' < id[i] {
			return false
		}
	}
	return 0 < len(id) && len(id) <= maxIDLen
}

// checkText refuses what can be no ID and would garble a log line.
func checkText(what, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: the %s is not valid UTF-8", ErrInvalidRef, what)
	}
	if i := strings.IndexFunc(s, unicode.IsControl); i >= 0 {
		return fmt.Errorf("%w: the %s has a control character at byte %d; was it read with its line's end?", ErrInvalidRef, what, i)
	}
	return nil
}

// An ARN is the parts of a secret's Amazon Resource Name,
// arn:Partition:secretsmanager:Region:Account:secret:Name.
type ARN struct {
	Partition string // aws, aws-cn, aws-us-gov, …
	Region    string
	Account   string
	// Name is the secret's name; in a full ARN a hyphen and six random
	// characters follow it. Nothing tells these from a name that ends alike.
	Name string
}

// ParseARN takes a secret's ARN apart. Its errors wrap [ErrInvalidRef].
func ParseARN(s string) (ARN, error) {
	a, err := arn.Parse(s)
	if err != nil {
		return ARN{}, fmt.Errorf("%w: the ID begins with arn: but is no ARN; a secret's looks like "+
			"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1B2c3", ErrInvalidRef)
	}
	name, isSecret := strings.CutPrefix(a.Resource, "secret:")
	switch {
	case a.Service == "secretsmanager" && !isSecret:
		return ARN{}, fmt.Errorf("%w: the ARN is not one of a secret, which has secret:NAME behind the account; is it cut off?", ErrInvalidRef)
	case a.Service != "secretsmanager":
		return ARN{}, fmt.Errorf("%w: the ARN is not one of a secret (arn:…:secretsmanager:…:secret:NAME) but of service %q",
			ErrInvalidRef, a.Service)
	case name == "" || a.Partition == "" || a.Region == "" || a.AccountID == "":
		return ARN{}, fmt.Errorf("%w: the secret's ARN lacks its partition, region, account or name", ErrInvalidRef)
	case strings.Contains(name, ":"):
		return ARN{}, colonError(s, name)
	}
	return ARN{Partition: a.Partition, Region: a.Region, Account: a.AccountID, Name: name}, nil
}

// colonError says what is wrong with an ARN that has a colon in the secret's name. Amazon ECS
// writes a key, a stage and a version ID behind the ARN: see "Pass Secrets Manager secrets
// through Amazon ECS environment variables" of its developer guide.
func colonError(arn, name string) error {
	parts := strings.Split(name, ":")
	if len(parts) != 4 || parts[0] == "" {
		return fmt.Errorf("%w: the ARN has a colon in the secret's name %.200q, which no name has", ErrInvalidRef, name)
	}
	var options []string
	for i, option := range []string{"the key %.200q is for WithKey", "the stage %.200q is for WithStage", "the version ID %.200q is for WithVersionID"} {
		if parts[i+1] != "" {
			options = append(options, fmt.Sprintf(option, parts[i+1]))
		}
	}
	text := fmt.Sprintf("the ID is an ARN with a key, stage and version, as Amazon ECS writes it; here the ID is %.500q",
		strings.TrimSuffix(arn, name)+parts[0])
	if len(options) > 0 {
		text += ", and " + strings.Join(options, ", ")
	}
	return fmt.Errorf("%w: %s", ErrInvalidRef, text)
}

// String puts the ARN together again.
func (a ARN) String() string {
	return arn.ARN{
		Partition: a.Partition, Service: "secretsmanager", Region: a.Region,
		AccountID: a.Account, Resource: "secret:" + a.Name,
	}.String()
}
