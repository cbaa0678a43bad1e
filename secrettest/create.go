package secrettest

import (
	"regexp"
	"slices"
)

type createSecretInput struct {
	Name                        *string         `api:"required" len:"1,512"`
	AddReplicaRegions           []replicaRegion `len:"1,1000"`
	ClientRequestToken          *string         `len:"32,64"`
	Description                 *string         `len:"0,2048"`
	ForceOverwriteReplicaSecret *bool
	KmsKeyId                    *string `len:"0,2048"`
	SecretBinary                blob    `len:"1,65536" secret:"true"`
	SecretString                *string `secret:"true"`
	Tags                        []tag
	Type                        *string `len:"0,256"`
}

type createSecretOutput struct {
	ARN               string
	Name              string
	ReplicationStatus []replicationStatus `json:",omitempty"`
	VersionId         string              `json:",omitempty"`
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
	if err := checkKey(in.KmsKeyId); err != nil {
		return nil, err
	}
	if err := s.store.checkReplicas(in.AddReplicaRegions); err != nil {
		return nil, err
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
	out := createSecretOutput{}
	switch {
	case sec == nil:
		sec = s.store.add(*in.Name)
		sec.update(in.Description, in.KmsKeyId, in.Type)
		if len(in.Tags) > 0 {
			sec.tags = in.Tags
		}
		out.ReplicationStatus = sec.replicate(in.AddReplicaRegions, in.ForceOverwriteReplicaSecret)
	case !sec.deleted.IsZero():
		return nil, invalidRequest("You can't create this secret because a secret with this name is already scheduled for deletion.")
	case p == nil || sec.version(*in.ClientRequestToken) == nil:
		return nil, exists("The operation failed because the secret " + sec.name + " already exists.")
	}
	out.ARN, out.Name = sec.arn, sec.name
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

// update sets the metadata that is not nil.
func (sec *secret) update(description, key, typ *string) {
	if description != nil {
		sec.description = *description
	}
	if key != nil {
		sec.kmsKey = keyOf(key)
	}
	if typ != nil {
		sec.typ = *typ
	}
}
