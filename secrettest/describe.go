package secrettest

import "slices"

type secretIDInput struct {
	SecretId *string `api:"required" len:"1,2048"`
}

// description is a secret's metadata in the answers of DescribeSecret and ListSecrets,
// which differ in the name of one member.
type description struct {
	ARN                            string
	CreatedDate                    epoch               `json:",omitzero"`
	DeletedDate                    epoch               `json:",omitzero"`
	Description                    string              `json:",omitempty"`
	ExternalSecretRotationMetadata []metadataItem      `json:",omitempty"`
	ExternalSecretRotationRoleArn  string              `json:",omitempty"`
	KmsKeyId                       string              `json:",omitempty"`
	LastAccessedDate               epoch               `json:",omitzero"`
	LastChangedDate                epoch               `json:",omitzero"`
	LastRotatedDate                epoch               `json:",omitzero"`
	Name                           string              `json:",omitempty"`
	NextRotationDate               epoch               `json:",omitzero"`
	PrimaryRegion                  string              `json:",omitempty"`
	ReplicationStatus              []replicationStatus `json:",omitempty"`
	RotationEnabled                *bool               `json:",omitempty"`
	RotationLambdaARN              string              `json:",omitempty"`
	RotationRules                  *rotationRules      `json:",omitempty"`
	SecretVersionsToStages         map[string][]string `json:",omitempty"`
	Tags                           []tag               `json:",omitzero"` // empty, not absent, once the last is removed
	Type                           string              `json:",omitempty"`
	VersionIdsToStages             map[string][]string `json:",omitempty"`
}

func (sec *secret) describe() *description {
	d := &description{
		ARN: sec.arn, Name: sec.name,
		CreatedDate: at(sec.created), DeletedDate: at(sec.deleted), LastChangedDate: at(sec.changed),
		LastAccessedDate: at(sec.accessed),
		Description:      sec.description, KmsKeyId: sec.kmsKey,
		Tags: slices.Clone(sec.tags), Type: sec.typ, PrimaryRegion: sec.primaryRegion(),
	}
	if r := sec.rotation; r != nil {
		d.RotationEnabled, d.RotationLambdaARN, d.RotationRules = new(r.enabled), r.function, r.described()
		if r.enabled { // otherwise both are null (API Reference, DescribeSecret)
			d.LastRotatedDate, d.NextRotationDate = at(r.last), at(r.next())
		}
		d.ExternalSecretRotationMetadata, d.ExternalSecretRotationRoleArn = r.metadata, r.role
	}
	return d
}

// describeSecret also answers for deleted secrets: the answer shows that a secret is
// deleted.
func (s *Server) describeSecret(in *secretIDInput) (any, error) {
	sec, err := s.store.lookup(*in.SecretId)
	if err != nil {
		return nil, err
	}
	d := sec.describe()
	d.VersionIdsToStages, d.ReplicationStatus = sec.stagesByVersion(), sec.replicationStatus()
	return d, nil
}
