package secrettest

import "slices"

type getSecretValueInput struct {
	SecretId     *string `api:"required" len:"1,2048"`
	VersionId    *string `len:"32,64"`
	VersionStage *string `len:"1,256"`
}

// secretValue is a secret value in the answers of GetSecretValue and BatchGetSecretValue.
type secretValue struct {
	ARN           string
	CreatedDate   epoch `json:",omitzero"`
	Name          string
	SecretBinary  []byte  `json:",omitempty"`
	SecretString  *string `json:",omitempty"`
	VersionId     string
	VersionStages []string `json:",omitempty"`
}

func (s *Server) getSecretValue(in *getSecretValueInput) (any, error) {
	sec, err := s.store.active(*in.SecretId)
	if err != nil {
		return nil, err
	}
	return s.store.valueOf(sec, in.VersionId, in.VersionStage)
}

// valueOf reads the version with this ID or label. The default is AWSCURRENT.
func (st *store) valueOf(sec *secret, id, stage *string) (*secretValue, error) {
	var v *version
	if id != nil {
		var err error
		if v, err = sec.existing(*id); err != nil {
			return nil, err
		}
		if v.value == nil {
			return nil, notFound("Secrets Manager can't find the specified secret value for VersionId: " + *id)
		}
		if stage != nil && !slices.Contains(v.stages, *stage) {
			return nil, invalidRequest("You provided a VersionStage that is not associated to the provided VersionId.")
		}
	} else {
		label := stageCurrent
		if stage != nil {
			label = *stage
		}
		v = sec.staged(label)
		if v == nil || v.value == nil {
			return nil, notFound("Secrets Manager can't find the specified secret value for staging label: " + label)
		}
	}
	sec.read(v, st.now())
	out := &secretValue{
		ARN: sec.arn, CreatedDate: at(v.created), Name: sec.name,
		VersionId: v.id, VersionStages: slices.Clone(v.stages),
	}
	if v.value().binary {
		out.SecretBinary = v.value().blob
	} else {
		out.SecretString = &v.value().text
	}
	return out, nil
}
