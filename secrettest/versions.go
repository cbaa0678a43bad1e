package secrettest

import "slices"

type listSecretVersionIdsInput struct {
	SecretId          *string `api:"required" len:"1,2048"`
	IncludeDeprecated *bool
	MaxResults        *int64  `range:"1,100"`
	NextToken         *string `len:"1,4096"`
}

type listSecretVersionIdsOutput struct {
	ARN       string
	Name      string
	NextToken string `json:",omitempty"`
	Versions  []versionEntry
}

type versionEntry struct {
	CreatedDate      epoch    `json:",omitzero"`
	KmsKeyIds        []string `json:",omitempty"`
	LastAccessedDate epoch    `json:",omitzero"`
	VersionId        string
	VersionStages    []string `json:",omitempty"`
	seq              int
}

func (s *Server) listSecretVersionIds(in *listSecretVersionIdsInput) (any, error) {
	sec, err := s.store.lookup(*in.SecretId)
	if err != nil {
		return nil, err
	}
	key := "DefaultEncryptionKey"
	if sec.kmsKey != "" {
		key = sec.kmsKey
	}
	all := []versionEntry{}
	for _, v := range sec.versions.all {
		if len(v.stages) > 0 || in.IncludeDeprecated != nil && *in.IncludeDeprecated {
			all = append(all, versionEntry{at(v.created), []string{key}, at(v.accessed), v.id, slices.Clone(v.stages), v.seq})
		}
	}
	part, next, err := page(all, func(e versionEntry) place { return place{Seq: e.seq} }, in.MaxResults, 100, in.NextToken)
	if err != nil {
		return nil, err
	}
	return listSecretVersionIdsOutput{sec.arn, sec.name, next, part}, nil
}
