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
)

func ExampleConfig_WithSnapshot() {
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
	cfg := cache.Config{}.WithSnapshot(filepath.Join(dir, "secrets.sealed"), sealer)

	// A process reads its secret, and ends.
	up := cache.SourceFunc(func(context.Context, cache.Ref) (cache.Value, error) {
		return cache.Value{Payload: cache.StringPayload("hunter2"), VersionID: "v1"}, nil
	})
	first, err := cache.New(up, cfg)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := first.Get(ctx, cache.Ref{ID: "prod/api-key"}); err != nil {
		log.Fatal(err)
	}
	first.Close()

	// The next one starts during an outage.
	down := cache.SourceFunc(func(context.Context, cache.Ref) (cache.Value, error) {
		return cache.Value{}, cache.ErrUnavailable
	})
	second, err := cache.New(down, cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer second.Close()
	value, err := second.Get(ctx, cache.Ref{ID: "prod/api-key"})
	fmt.Println(value.Payload.Reveal(), value.VersionID, err)
	// Output: hunter2 v1 <nil>
}
