package secrettest

type updateSecretInput struct {
	SecretId           *string `api:"required" len:"1,2048"`
	ClientRequestToken *string `len:"32,64"`
	Description        *string `len:"0,2048"`
	KmsKeyId           *string `len:"0,2048"`
	SecretBinary       blob    `len:"1,65536" secret:"true"`
	SecretString       *string `secret:"true"`
	Type               *string `len:"0,256"`
}

type updateSecretOutput struct {
	ARN       string
	Name      string
	VersionId string `json:",omitempty"`
}

func (s *Server) updateSecret(in *updateSecretInput) (any, error) {
	p, err := value(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	if p != nil && in.ClientRequestToken == nil {
		return nil, invalidRequest(errNoToken)
	}
	if err := checkKey(in.KmsKeyId); err != nil {
		return nil, err
	}
	sec, err := s.store.writable(*in.SecretId)
	if err != nil {
		return nil, err
	}
	out := updateSecretOutput{ARN: sec.arn, Name: sec.name}
	now := s.store.now()
	if p != nil {
		v, err := sec.put(*in.ClientRequestToken, p, []string{stageCurrent}, now)
		if err != nil {
			return nil, err
		}
		out.VersionId = v.id
	}
	sec.update(in.Description, in.KmsKeyId, in.Type)
	sec.changed = now
	return out, nil
}
