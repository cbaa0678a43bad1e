package pages_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/source/static"
)

// take gives a message of any carrier to a cache.
func take(ctx context.Context, secrets *cache.Cache, message []byte) error {
	event, err := notify.Parse(message)
	if err != nil {
		return err
	}
	return secrets.HandleEvent(ctx, event)
}

func Example_push() {
	secrets, err := cache.New(static.New(nil), cache.Config{})
	if err != nil {
		panic(err)
	}
	defer secrets.Close()
	fmt.Println(take(context.Background(), secrets, []byte(`{"source":"aws.secretsmanager","detail-type":"Secret Label Updated",
		"detail":{"name":"prod/db","labelUpdated":"AWSCURRENT","versionId":"a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"}}`)))
	err = take(context.Background(), secrets, []byte("hunter2"))
	fmt.Println(errors.Is(err, notify.ErrUnknown))
	// Output:
	// <nil>
	// true
}
