package mototest

import (
	"fmt"
	"strings"
)

// Where AWS stands, if secrettest and moto differ.
const (
	withSecrettest = "secrettest"
	unknown        = "unknown"
)

// A difference is one that is known.
type difference struct {
	operation string
	ours      string // secrettest's outcome
	motos     string
	aws       string // with whom it is
	source    string // how that is known
}

const (
	errorsAre400 = "API Reference, errors of each action: HTTP Status Code 400"
	limits       = "API Reference, limits of the request parameters"
)

var differences = []difference{
	{"get: unknown secret", "ResourceNotFoundException, HTTP 400", "ResourceNotFoundException, HTTP 404", withSecrettest, errorsAre400},
	{"get: stage that no version bears", "ResourceNotFoundException, HTTP 400", "ResourceNotFoundException, HTTP 404", withSecrettest, errorsAre400},
	{"get: unknown version", "ResourceNotFoundException, HTTP 400", "ResourceNotFoundException, HTTP 404", withSecrettest, errorsAre400},
	{"get: version and stage that don't belong together", "InvalidRequestException, HTTP 400", "InvalidRequestException, HTTP 404", withSecrettest, errorsAre400},
	{"get: by ARN with another ending", "ResourceNotFoundException, HTTP 400", "ResourceNotFoundException, HTTP 404", withSecrettest, errorsAre400},
	{"get: secret without a value", "ResourceNotFoundException, HTTP 400", "ResourceNotFoundException, HTTP 404", withSecrettest, errorsAre400},
	{"create: name of a deleted secret", "InvalidRequestException, HTTP 400", "ResourceExistsException, HTTP 400", withSecrettest,
		"LocalStack's snapshots validated against AWS: a name that is scheduled for deletion"},
	{"create: name with a blank", "ValidationException, HTTP 400", "made", withSecrettest, "API Reference, CreateSecret, Name: ASCII letters, numbers and /_+=.@-"},
	{"create: name of 513 characters", "ValidationException, HTTP 400", "made", withSecrettest, limits},
	{"create: value of 65,537 bytes", "ValidationException, HTTP 400", "made", withSecrettest, limits},
	{"create: empty value", "ValidationException, HTTP 400", "made", withSecrettest, limits + ": at least 1 character"},
	{"put: unknown secret", "ResourceNotFoundException, HTTP 400", "ResourceNotFoundException, HTTP 404", withSecrettest, errorsAre400},
	{"put: deleted secret", "InvalidRequestException, HTTP 400", "put", withSecrettest, "API Reference, PutSecretValue, InvalidRequestException: the secret is scheduled for deletion"},
	{"put: token of 31 characters", "ValidationException, HTTP 400", "InvalidParameterException, HTTP 400", unknown,
		"refused by both; which error AWS gives is in no source at hand"},
	{"rotation: AWSCURRENT moved to the pending version", `moved; "two", stages [AWSCURRENT AWSPENDING]; "one", stages [AWSPREVIOUS]`,
		`moved; "one", stages [AWSPREVIOUS]; "one", stages [AWSPREVIOUS]`, withSecrettest, "User Guide, Lambda rotation functions, finishSecret: AWSCURRENT moves, AWSPREVIOUS is the former"},
	{"rotation: put while the current version bears AWSPENDING too",
		`"three", stages [AWSCURRENT]; "two", stages [AWSPREVIOUS]; ResourceNotFoundException, HTTP 400`,
		`"three", stages [AWSCURRENT]; "two", stages [AWSPREVIOUS]; ResourceNotFoundException, HTTP 404`, withSecrettest, errorsAre400},
	{"stage: AWSCURRENT taken away", "InvalidParameterException, HTTP 400", "taken", withSecrettest,
		"API Reference, UpdateSecretVersionStage: AWSCURRENT is always attached to a version"},
	{"describe: versions without a stage", "2 versions", "3 versions", withSecrettest, "API Reference, DescribeSecret, VersionIdsToStages: deprecated versions are left out"},
	{"list versions: those without a stage", "2 versions", "3 versions", withSecrettest, "API Reference, ListSecretVersionIds, IncludeDeprecated: by default they are left out"},
	{"delete: at once, then get", "ResourceNotFoundException, HTTP 400", "ResourceNotFoundException, HTTP 404", withSecrettest, errorsAre400},
	{"rotate: without a function", "InvalidRequestException, HTTP 400", "rotated", withSecrettest, "API Reference, RotateSecret, InvalidRequestException: no Lambda function is configured"},
	{"batch: 21 IDs", "ValidationException, HTTP 400", "21 values, errors []", withSecrettest, "API Reference, BatchGetSecretValue, SecretIdList: at most 20 items"},
}

// Document returns what docs/moto.md says.
func Document() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Where moto and secrettest differ

The library is tested against its own fake Secrets Manager, package secrettest. To keep that honest, the module integration runs the library's protocol tests against the server of moto %s too, an emulator that others wrote, and asks both the same %d things. In %d of them they agree. These are the others; for each, which of the two AWS agrees with, and how that is known.

Written by `+"`cd integration && go test ./mototest -update`"+`; the test fails when a difference comes or goes.

| asked | secrettest | moto | AWS is with | known from |
| --- | --- | --- | --- | --- |
`, Version, len(operations), len(operations)-len(differences))
	for _, d := range differences {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", d.operation, d.ours, d.motos, d.aws, d.source)
	}
	return b.String()
}
