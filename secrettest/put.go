package secrettest

import "slices"

// maxValue is the longest secret value, in bytes.
const maxValue = 65_536

type putSecretValueInput struct {
	SecretId           *string  `api:"required" len:"1,2048"`
	ClientRequestToken *string  `len:"32,64"`
	RotationToken      *string  `len:"36,256" pattern:"^[a-zA-Z0-9\\-]+$" secret:"true"` // the token of a function in another account
	SecretBinary       blob     `len:"1,65536" secret:"true"`
	SecretString       *string  `secret:"true"`
	VersionStages      []string `len:"1,20" each:"1,256"`
}

type putSecretValueOutput struct {
	ARN           string
	Name          string
	VersionId     string
	VersionStages []string
}

func (s *Server) putSecretValue(in *putSecretValueInput) (any, error) {
	p, err := value(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, invalidRequest("You must provide either SecretString or SecretBinary.")
	}
	if in.ClientRequestToken == nil {
		return nil, invalidRequest(errNoToken)
	}
	sec, err := s.store.writable(*in.SecretId)
	if err != nil {
		return nil, err
	}
	stages := in.VersionStages
	if stages == nil {
		stages = []string{stageCurrent}
	}
	v, err := sec.put(*in.ClientRequestToken, p, stages, s.store.now())
	if err != nil {
		return nil, err
	}
	return putSecretValueOutput{sec.arn, sec.name, v.id, slices.Clone(v.stages)}, nil
}

// value makes a payload from one of the two parameters. It returns nil if neither is given.
func value(text *string, blob []byte) (*payload, error) {
	switch {
	case text != nil && blob != nil:
		return nil, invalidParameter("You can't specify both a binary secret value and a string secret value in the same secret.")
	case text != nil:
		// The length is counted in bytes; constraints of other strings count characters.
		const wrong = "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length "
		if len(*text) > maxValue {
			return nil, validation(wrong + "less than or equal to 65536")
		}
		if *text == "" {
			return nil, validation(wrong + "greater than or equal to 1")
		}
		return &payload{text: *text}, nil
	case blob != nil:
		return &payload{blob: blob, binary: true}, nil
	default:
		return nil, nil
	}
}
