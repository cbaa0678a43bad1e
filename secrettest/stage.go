package secrettest

import "fmt"

type updateSecretVersionStageInput struct {
	SecretId            *string `api:"required" len:"1,2048"`
	VersionStage        *string `api:"required" len:"1,256"`
	MoveToVersionId     *string `len:"32,64"`
	RemoveFromVersionId *string `len:"32,64"`
}

type secretOutput struct {
	ARN  string
	Name string
}

func (s *Server) updateSecretVersionStage(in *updateSecretVersionStageInput) (any, error) {
	sec, err := s.store.writable(*in.SecretId)
	if err != nil {
		return nil, err
	}
	stage := *in.VersionStage
	for _, id := range []*string{in.MoveToVersionId, in.RemoveFromVersionId} {
		if id == nil {
			continue
		}
		if _, err := sec.existing(*id); err != nil {
			return nil, err
		}
	}
	from := sec.staged(stage)
	switch {
	case in.MoveToVersionId == nil && in.RemoveFromVersionId == nil:
		return nil, invalidParameter("You must specify MoveToVersionId, RemoveFromVersionId, or both.")
	case in.MoveToVersionId == nil && stage == stageCurrent:
		return nil, invalidParameter("You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")
	case in.RemoveFromVersionId != nil && (from == nil || from.id != *in.RemoveFromVersionId):
		return nil, invalidParameter(fmt.Sprintf("When you move staging label %[1]s, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label %[1]s.", stage))
	case in.MoveToVersionId != nil && from != nil && from.id == *in.MoveToVersionId:
		// The label is at the version already.
		return secretOutput{sec.arn, sec.name}, nil
	case from != nil && in.RemoveFromVersionId == nil:
		return nil, invalidParameter(fmt.Sprintf("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", stage, from.id))
	}
	if in.MoveToVersionId == nil {
		sec.versions.detach(from, stage)
	} else {
		if err := sec.roomFor(stage); err != nil {
			return nil, err
		}
		sec.label(sec.version(*in.MoveToVersionId), stage)
	}
	sec.changed = s.store.now()
	sec.finishRotation(sec.changed)
	return secretOutput{sec.arn, sec.name}, nil
}
