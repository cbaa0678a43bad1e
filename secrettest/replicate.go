package secrettest

import (
	"fmt"
	"slices"
	"strings"
)

// defaultKeyAlias is the key that Secrets Manager uses if none is given.
const defaultKeyAlias = "alias/aws/secretsmanager"

const (
	inProgress = "InProgress"
	inSync     = "InSync"
	failed     = "Failed"
)

// replica is a secret's record of its copy in another region.
type replica struct {
	region, kmsKey  string
	status, message string
	copy            *secret // nil if there is none
}

type replicaRegion struct {
	Region   *string `api:"required" len:"1,128" pattern:"^([a-z]+-)+\\d+$"`
	KmsKeyId *string `len:"0,2048"`
}

func (r *replicaRegion) UnmarshalJSON(b []byte) error {
	return exactly(b, map[string]any{"Region": &r.Region, "KmsKeyId": &r.KmsKeyId})
}

type replicateSecretToRegionsInput struct {
	SecretId                    *string         `api:"required" len:"1,2048"`
	AddReplicaRegions           []replicaRegion `api:"required" len:"1,1000"`
	ForceOverwriteReplicaSecret *bool
}

type removeRegionsFromReplicationInput struct {
	SecretId             *string  `api:"required" len:"1,2048"`
	RemoveReplicaRegions []string `api:"required" len:"1,1000" each:"1,128" pattern:"^([a-z]+-)+\\d+$"`
}

type replicationStatus struct {
	KmsKeyId         string `json:",omitempty"`
	LastAccessedDate epoch  `json:",omitzero"`
	Region           string
	Status           string
	StatusMessage    string `json:",omitempty"`
}

type replicationOutput struct {
	ARN               string
	ReplicationStatus []replicationStatus
}

type stopReplicationOutput struct {
	ARN string
}

// replicateSecretToRegions makes replicas. A client for their region reads them. As in the
// service, the answer says that they are in progress; DescribeSecret then shows them in
// sync.
func (s *Server) replicateSecretToRegions(in *replicateSecretToRegionsInput) (any, error) {
	sec, err := s.store.writable(*in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := s.store.checkReplicas(in.AddReplicaRegions); err != nil {
		return nil, err
	}
	return replicationOutput{sec.arn, sec.replicate(in.AddReplicaRegions, in.ForceOverwriteReplicaSecret)}, nil
}

// checkReplicas returns an error if one of the regions can't have a replica.
func (st *store) checkReplicas(regions []replicaRegion) error {
	for i, r := range regions {
		twice := slices.ContainsFunc(regions[:i], func(q replicaRegion) bool { return *q.Region == *r.Region })
		if *r.Region == st.region || twice {
			return invalidParameter("Invalid replica region.")
		}
		if err := checkKey(r.KmsKeyId); err != nil {
			return err
		}
	}
	return nil
}

// replicate makes replicas in regions that were checked. It returns the status of all
// replicas.
func (sec *secret) replicate(regions []replicaRegion, force *bool) []replicationStatus {
	for _, r := range regions {
		old := sec.replicaIn(*r.Region)
		if old != nil && old.copy != nil {
			continue // the replica exists already
		}
		sec.forget(old)
		sec.replicas = append(sec.replicas, sec.copyTo(sec.home.at(*r.Region), r.KmsKeyId, force != nil && *force))
	}
	states := sec.replicationStatus()
	for i := range states {
		if states[i].Status == inSync && slices.ContainsFunc(regions, func(r replicaRegion) bool { return *r.Region == states[i].Region }) {
			states[i].Status, states[i].StatusMessage = inProgress, ""
		}
	}
	return states
}

// copyTo makes the replica in another region's store. It fails if that has a secret of the
// same name, unless force is set.
func (sec *secret) copyTo(st *store, key *string, force bool) *replica {
	r := &replica{region: st.region, kmsKey: keyOf(key)}
	if there := st.byName[sec.name]; there != nil {
		if !force || there.primary != nil || len(there.replicas) > 0 {
			r.status, r.message = failed, "Replication failed: Secret with this name already exists in region "+st.region+"."
			return r
		}
		st.remove(func(s *secret) bool { return s == there })
	}
	suffix := sec.arn[strings.LastIndex(sec.arn, ":")+1:]
	r.copy = &secret{name: sec.name, arn: st.arn(suffix), kmsKey: r.kmsKey, primary: sec, content: sec.content}
	r.status, r.message = inSync, "Replication succeeded"
	st.insert(r.copy)
	return r
}

func (sec *secret) replicaIn(region string) *replica {
	for _, r := range sec.replicas {
		if r.region == region {
			return r
		}
	}
	return nil
}

// forget removes a secret's record of a replica.
func (sec *secret) forget(r *replica) {
	sec.replicas = slices.DeleteFunc(sec.replicas, func(q *replica) bool { return q == r })
}

func (sec *secret) replicationStatus() []replicationStatus {
	states := []replicationStatus{}
	for _, r := range sec.replicas {
		key := r.kmsKey
		if key == "" {
			key = defaultKeyAlias
		}
		st := replicationStatus{KmsKeyId: key, Region: r.region, Status: r.status, StatusMessage: r.message}
		if r.copy != nil {
			st.LastAccessedDate = at(r.copy.accessed)
		}
		states = append(states, st)
	}
	return states
}

// primaryRegion returns the region of the original, for the description of a secret that is
// or has a replica.
func (sec *secret) primaryRegion() string {
	switch {
	case sec.primary != nil:
		return sec.primary.home.region
	case len(sec.replicas) > 0:
		return sec.home.region
	default:
		return ""
	}
}

// removeRegionsFromReplication deletes replicas. A region without one is no error.
func (s *Server) removeRegionsFromReplication(in *removeRegionsFromReplicationInput) (any, error) {
	sec, err := s.store.writable(*in.SecretId)
	if err != nil {
		return nil, err
	}
	for _, region := range in.RemoveReplicaRegions {
		r := sec.replicaIn(region)
		if r == nil {
			continue
		}
		if r.copy != nil {
			r.copy.home.remove(func(s *secret) bool { return s == r.copy })
		}
		sec.forget(r)
	}
	return replicationOutput{sec.arn, sec.replicationStatus()}, nil
}

// stopReplicationToReplica makes a replica an independent secret.
func (s *Server) stopReplicationToReplica(in *secretIDInput) (any, error) {
	sec, err := s.store.active(*in.SecretId)
	if err != nil {
		return nil, err
	}
	if sec.primary == nil {
		return nil, invalidRequest("Operation not permitted on a secret that is no replica. Call must be made in the replica secret's region.")
	}
	sec.primary.forget(sec.primary.replicaIn(sec.home.region))
	own := *sec.content
	own.versions, own.tags, own.rotation = own.versions.clone(), slices.Clone(own.tags), nil
	sec.content, sec.primary = &own, nil
	return stopReplicationOutput{sec.arn}, nil
}

// checkDeletion returns an error if a secret still has replicas. The words are from
// gruntwork-io/cloud-nuke issue 435.
func (sec *secret) checkDeletion() error {
	if len(sec.replicas) == 0 {
		return nil
	}
	var regions []string
	for _, r := range sec.replicas {
		regions = append(regions, r.region)
	}
	return invalidParameter(fmt.Sprintf("You can't delete secret %s that still has replica regions [%s].", sec.arn, strings.Join(regions, ", ")))
}
