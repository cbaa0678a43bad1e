package redissecret

import "github.com/redis/go-redis/v9"

// isRejection reports whether err is Redis's refusal of a login, WRONGPASS or NOAUTH.
func isRejection(err error) bool { return redis.IsAuthError(err) } // TODO: rejected.Redis
