package secrettest

import (
	"regexp"
	"slices"
)

type createSecretInput struct {
	Name               *string `api:"required" len:"1,512"`
	ClientRequestToken *string `len:"32,64"`
	Description        *string `len:"0,2048"`
	KmsKeyId           *string `len:"0,2048"`
	SecretBinary       blob    `len:"1,65536" secret:"true"`
	SecretString       *string `secret:"true"`
	Tags               []tag
}

type createSecretOutput struct {
	ARN       string
	Name      string
	VersionId string `json:",omitempty"`
}

var validName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]+$`)

func (s *Server) createSecret(in *createSecretInput) (any, error) {
	if !validName.MatchString(*in.Name) {
		return nil, errBadName
	}
	p, err := value(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	if p != nil && in.ClientRequestToken == nil {
		return nil, invalidRequest(errNoToken)
	}
	if err := checkTags(nil, in.Tags); err != nil {
		return nil, err
	}
	for i, t := range in.Tags {
		if slices.ContainsFunc(in.Tags[:i], func(u tag) bool { return u.Key == t.Key }) {
			return nil, invalidParameter("You can't specify two tags with the same key. Tag key: '" + t.Key + "'.")
		}
	}
	sec := s.store.byName[*in.Name]
	switch {
	case sec == nil:
		sec = s.store.add(*in.Name)
		if in.Description != nil {
			sec.description = *in.Description
		}
		sec.setKey(in.KmsKeyId)
		if len(in.Tags) > 0 {
			sec.tags = in.Tags
		}
	case !sec.deleted.IsZero():
		return nil, invalidRequest("You can't create this secret because a secret with this name is already scheduled for deletion.")
	case p == nil || sec.version(*in.ClientRequestToken) == nil:
		return nil, exists("The operation failed because the secret " + sec.name + " already exists.")
	}
	out := createSecretOutput{ARN: sec.arn, Name: sec.name}
	if p == nil {
		return out, nil
	}
	v, err := sec.put(*in.ClientRequestToken, p, []string{stageCurrent}, s.store.now())
	if err != nil {
		return nil, err
	}
	out.VersionId = v.id
	return out, nil
}

// setKey notes the KMS key; the default one is not mentioned in a description.
func (sec *secret) setKey(id *string) {
	if id != nil {
		sec.kmsKey = *id
	}
}
