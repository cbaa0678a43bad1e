package secrettest

import "time"

type deleteSecretInput struct {
	SecretId                   *string `api:"required" len:"1,2048"`
	ForceDeleteWithoutRecovery *bool
	RecoveryWindowInDays       *int64
}

type deleteSecretOutput struct {
	ARN          string
	DeletionDate epoch
	Name         string
}

func (s *Server) deleteSecret(in *deleteSecretInput) (any, error) {
	const day = 24 * time.Hour
	force := in.ForceDeleteWithoutRecovery != nil && *in.ForceDeleteWithoutRecovery
	days := int64(30)
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
		if days < 7 || days > 30 {
			return nil, invalidParameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
		}
		if force {
			return nil, invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
		}
	}
	now := s.store.now()
	sec, err := s.store.original(*in.SecretId)
	switch {
	case err == errNoSecret && force:
		// Deleting an unknown secret without recovery is no error.
		return deleteSecretOutput{ARN: *in.SecretId, DeletionDate: at(now), Name: *in.SecretId}, nil
	case err != nil:
		return nil, err
	case !sec.deleted.IsZero() && !force:
		return nil, errDeleted
	}
	if err := sec.checkDeletion(); err != nil {
		return nil, err
	}
	window := time.Duration(days) * day
	date := now.Add(window)
	sec.deleted, sec.changed, sec.purge, sec.forced = now, now, date, force
	if force {
		date, sec.purge = now, now.Add(s.store.cfg.PurgeDelay)
	}
	return deleteSecretOutput{sec.arn, at(date), sec.name}, nil
}

func (s *Server) restoreSecret(in *secretIDInput) (any, error) {
	sec, err := s.store.original(*in.SecretId)
	if err != nil {
		return nil, err
	}
	if sec.forced {
		return nil, errDeleted
	}
	sec.deleted, sec.purge, sec.changed = time.Time{}, time.Time{}, s.store.now()
	return secretOutput{sec.arn, sec.name}, nil
}
