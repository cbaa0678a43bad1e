package failover_test

import (
	"context"
	"fmt"
	"log"

	"github.com/typedsecret/typedsecret/source/failover"
)

// Both regions are read with a role of another account.
func ExampleAssumeRole() {
	source, err := failover.AssumeRole(context.Background(), "arn:aws:iam::123456789012:role/reader", "eu-west-1", "eu-central-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(source)
	// Output: failover:eu-west-1,eu-central-1
}
