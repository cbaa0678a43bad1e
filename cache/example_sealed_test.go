package cache_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
)

func ExampleConfig_WithSealedFile() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "snapshot")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	key := make([]byte, 32) // in earnest, a data key of KMS: not all zeros, and not on this disk
	block, err := aes.NewCipher(key)
	if err != nil {
		log.Fatal(err)
	}
	sealer, err := cipher.NewGCM(block)
	if err != nil {
		log.Fatal(err)
	}
	cfg := cache.Config{}.WithSealedFile(filepath.Join(dir, "secrets.sealed"), sealer)

	// A process reads its secret, and ends.
	up := secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		return secret.Value{Payload: secret.StringPayload("hunter2"), VersionID: "v1"}, nil
	})
	first, err := cache.New(up, cfg)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := first.Get(ctx, secret.Ref{ID: "prod/api-key"}); err != nil {
		log.Fatal(err)
	}
	first.Close()

	// The next one starts during an outage.
	down := secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		return secret.Value{}, secret.ErrUnavailable
	})
	second, err := cache.New(down, cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer second.Close()
	value, err := second.Get(ctx, secret.Ref{ID: "prod/api-key"})
	fmt.Println(value.Payload.Reveal(), value.VersionID, err)
	// Output: hunter2 v1 <nil>
}
