package local

import "regexp"

// RoleExample is what a role's ARN looks like.
const RoleExample = "arn:aws:iam::123456789012:role/reader"

var role = regexp.MustCompile(`^arn:[a-z0-9-]+:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$`)

// IsRole reports whether text is the ARN of an IAM role, by the rule of the agent's parse.rs.
func IsRole(text string) bool { return len(text) <= 2048 && role.MatchString(text) }
