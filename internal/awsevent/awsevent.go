// Package awsevent writes the messages in which AWS says that a secret or a parameter has
// changed, for tests of what reads them.
package awsevent

import "encoding/json"

// Of the example of the user guide ("Secret Label Updated event").
const (
	// Account is the number of the account, and Region the region, of all events.
	Account, Region = "012345678901", "us-west-2"
	// Version is a version ID.
	Version = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"
	// Time is when all events happened.
	Time = "2024-02-06T16:43:48Z"
)

// ARN returns the full ARN of a secret.
func ARN(name string) string { return PartialARN(name) + "-a1b2c3" }

// PartialARN returns the ARN of a secret without the end that Secrets Manager adds.
func PartialARN(name string) string {
	return "arn:aws:secretsmanager:" + Region + ":" + Account + ":secret:" + name
}

// ParameterARN returns the ARN of a parameter, whose name begins with a slash.
func ParameterARN(name string) string {
	return "arn:aws:ssm:" + Region + ":" + Account + ":parameter" + name
}

// Native is what Secrets Manager sends by itself when AWSCURRENT has moved.
func Native(name, version string) string {
	return `{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":"Secret Label Updated",
 "source":"aws.secretsmanager","account":"` + Account + `","time":"` + Time + `","region":"` + Region + `",
 "resources":["` + ARN(name) + `"],
 "detail":{"name":"` + name + `","labelUpdated":"AWSCURRENT","versionId":"` + version + `"}}`
}

// Call is an event of CloudTrail about a call. The texts asked and answered are JSON.
func Call(action, asked, answered string) string {
	return trail("API Call", `"eventName":"`+action+`","requestParameters":`+asked+`,"responseElements":`+answered)
}

// Put is the event of a call of PutSecretValue.
func Put(name, version string) string {
	return Call("PutSecretValue", `{"secretId":"`+name+`","clientRequestToken":"`+version+`"}`, `{"arn":"`+ARN(name)+`"}`)
}

// Rotation is an event of CloudTrail about a rotation. The text where is the member of the
// detail that says of which secret.
func Rotation(action, where string) string {
	return trail("Service Event", `"eventName":"`+action+`","requestParameters":null,"responseElements":null,`+where)
}

// Rotated is the event of a rotation that has succeeded.
func Rotated(name string) string {
	return Rotation("RotationSucceeded", `"additionalEventData":{"SecretId":"`+ARN(name)+`"}`)
}

// trail is an event of CloudTrail with this detail beside what all have.
func trail(kind, detail string) string {
	return `{"version":"0","id":"1","detail-type":"AWS ` + kind + ` via CloudTrail","source":"aws.secretsmanager",
	"account":"` + Account + `","time":"` + Time + `","region":"` + Region + `","resources":[],
	"detail":{"eventVersion":"1.09","eventTime":"2024-02-06T16:43:47Z","eventSource":"secretsmanager.amazonaws.com",
	"userIdentity":{"type":"AssumedRole"},` + detail + `}}`
}

// Parameter is the example of Systems Manager's user guide: a change of a parameter, whose
// name begins with a slash.
func Parameter(operation, name string) string {
	return `{"version":"0","id":"1","detail-type":"Parameter Store Change","source":"aws.ssm","account":"` + Account + `",
	"time":"` + Time + `","region":"` + Region + `","resources":["` + ParameterARN(name) + `"],
	"detail":{"operation":"` + operation + `","name":"` + name + `","type":"SecureString","description":"a"}}`
}

// InSNS puts a message in an envelope of SNS.
func InSNS(message string) string {
	return `{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:` + Region + `:` + Account + `:t","Message":` +
		quoted(message) + `,"Timestamp":"2024-02-06T16:43:49.655Z","SignatureVersion":"1"}`
}

// InSQS puts a message in one of SQS as JSON, whose key for it is body or Body.
func InSQS(key, message string) string {
	return `{"messageId":"1","` + key + `":` + quoted(message) + `}`
}

func quoted(text string) string {
	b, _ := json.Marshal(text) // a string has no error
	return string(b)
}
