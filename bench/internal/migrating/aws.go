// Package migrating has the code from which the pages docs/migrating-from-… start: a user's,
// with the libraries that are left. It is compiled, and compared with the pages.
package migrating

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"
)

// DBCreds is what the secret prod/db holds.
type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// AWSString reads a text.
func AWSString(ctx context.Context) (string, error) {
	secrets, err := secretcache.New()
	if err != nil {
		return "", err
	}
	key, err := secrets.GetSecretStringWithContext(ctx, "prod/api-key")
	return key, err
}

// AWSStruct decodes.
func AWSStruct(ctx context.Context, secrets *secretcache.Cache) (creds DBCreds, err error) {
	text, err := secrets.GetSecretStringWithContext(ctx, "prod/db")
	if err != nil {
		return creds, err
	}
	err = json.Unmarshal([]byte(text), &creds) // for each request
	return creds, err
}

// AWSOthers reads a binary, and a version stage.
func AWSOthers(ctx context.Context, secrets *secretcache.Cache) ([]byte, string, error) {
	keytab, err := secrets.GetSecretBinaryWithContext(ctx, "prod/keytab")
	if err != nil {
		return nil, "", err
	}
	previous, err := secrets.GetSecretStringWithStageWithContext(ctx, "prod/api-key", "AWSPREVIOUS")
	return keytab, previous, err
}

// AWSRefresh refreshes.
func AWSRefresh(ctx context.Context, secrets *secretcache.Cache) (string, error) {
	secrets.RefreshNowWithContext(ctx, "prod/api-key")
	return secrets.GetSecretStringWithContext(ctx, "prod/api-key")
}

// AWSSettings sets what there is to set.
func AWSSettings(client *secretsmanager.Client) (*secretcache.Cache, error) {
	return secretcache.New(func(c *secretcache.Cache) {
		c.Client = client
		c.MaxCacheSize = 100
		c.CacheItemTTL = int64(10 * time.Minute)
		c.VersionStage = "AWSCURRENT"
	})
}
