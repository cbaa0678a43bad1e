package sqsnotify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

// explain adds what an error means, or what to do about it, where that is not plain.
func explain(err error, timeout time.Duration) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("SQS has not answered within %v: %w", timeout, err)
	}
	if api := smithy.APIError(nil); errors.As(err, &api) {
		if remedy := remedyFor(api.ErrorCode()); remedy != "" {
			return fmt.Errorf("%w; %s", err, remedy)
		}
	}
	return err
}

// remedies are found by parts of the error codes: the API has several protocols, and an error
// has a code in each, such as AWS.SimpleQueueService.NonExistentQueue and QueueDoesNotExist.
var remedies = []struct {
	parts  []string
	remedy string
}{
	{[]string{"KMS", "Kms"}, "allow kms:Decrypt on the queue's key"},
	{[]string{"AccessDenied"}, "allow sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility on the queue"},
	{[]string{"NonExistentQueue", "QueueDoesNotExist", "InvalidAddress"}, "check Config.QueueURL, and that the region of Config.Client is the queue's"},
	{
		[]string{"ExpiredToken", "InvalidClientTokenId", "UnrecognizedClient", "Signature", "RequestExpired", "MissingAuthenticationToken", "InvalidSecurity"},
		"check the credentials of Config.Client, and the clock of this machine",
	},
}

func remedyFor(code string) string {
	for _, r := range remedies {
		for _, part := range r.parts {
			if strings.Contains(code, part) {
				return r.remedy
			}
		}
	}
	return ""
}
