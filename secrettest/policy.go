package secrettest

import (
	"encoding/json"
	"slices"
	"strings"
)

type putResourcePolicyInput struct {
	SecretId          *string `api:"required" len:"1,2048"`
	ResourcePolicy    *string `api:"required" len:"1,20480"`
	BlockPublicPolicy *bool
}

type validateResourcePolicyInput struct {
	SecretId       *string `len:"1,2048"`
	ResourcePolicy *string `api:"required" len:"1,20480"`
}

type getResourcePolicyOutput struct {
	ARN            string
	Name           string
	ResourcePolicy string `json:",omitempty"`
}

type validateResourcePolicyOutput struct {
	PolicyValidationPassed bool
	ValidationErrors       []policyFinding
}

// policyFinding is a finding about a valid policy.
type policyFinding struct {
	CheckName    string
	ErrorMessage string
}

// These are the errors and findings about policies, in the words of the user guide
// ("Managing a resource-based policy for a secret"). The names of the checks are not
// documented.
var (
	errPolicySyntax = serviceError("MalformedPolicyDocumentException", "This resource policy contains a syntax error.")
	errPolicyPublic = serviceError("PublicPolicyException", "You can't attach a resource-based policy that allows broad access to the secret.")
	broadAccess     = policyFinding{"BroadAccess", "This resource policy grants broad access to your secret."}
	lockout         = policyFinding{"Lockout", "Your requested changes will not allow you to manage this secret in the future."}
)

// putResourcePolicy stores a policy, so that a client can read it. The server does not
// enforce it.
func (s *Server) putResourcePolicy(in *putResourcePolicyInput) (any, error) {
	sec, err := s.store.writable(*in.SecretId)
	if err != nil {
		return nil, err
	}
	findings, err := examinePolicy(*in.ResourcePolicy)
	if err != nil {
		return nil, err
	}
	if in.BlockPublicPolicy != nil && *in.BlockPublicPolicy && slices.Contains(findings, broadAccess) {
		return nil, errPolicyPublic
	}
	sec.policy = *in.ResourcePolicy
	return secretOutput{sec.arn, sec.name}, nil
}

func (s *Server) getResourcePolicy(in *secretIDInput) (any, error) {
	sec, err := s.store.active(*in.SecretId)
	if err != nil {
		return nil, err
	}
	return getResourcePolicyOutput{sec.arn, sec.name, sec.policy}, nil
}

func (s *Server) deleteResourcePolicy(in *secretIDInput) (any, error) {
	sec, err := s.store.writable(*in.SecretId)
	if err != nil {
		return nil, err
	}
	sec.policy = ""
	return secretOutput{sec.arn, sec.name}, nil
}

func (s *Server) validateResourcePolicy(in *validateResourcePolicyInput) (any, error) {
	if in.SecretId != nil {
		if _, err := s.store.active(*in.SecretId); err != nil {
			return nil, err
		}
	}
	findings, err := examinePolicy(*in.ResourcePolicy)
	if err != nil {
		return nil, err
	}
	return validateResourcePolicyOutput{len(findings) == 0, findings}, nil
}

// statement is a statement of a policy.
type statement struct {
	Effect                  string
	Principal, NotPrincipal any
	Action, NotAction       anyStrings
	Resource, NotResource   anyStrings
	Condition               map[string]map[string]any
}

// anyStrings is a string or a list of strings, and nil if it is absent.
type anyStrings []string

func (a *anyStrings) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = anyStrings{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// examinePolicy checks a policy's syntax. It returns findings if the policy grants access
// to anybody or locks everybody out.
func examinePolicy(text string) ([]policyFinding, error) {
	var doc struct {
		Version   string
		Statement json.RawMessage
	}
	if json.Unmarshal([]byte(text), &doc) != nil || doc.Version != "" && doc.Version != "2012-10-17" && doc.Version != "2008-10-17" {
		return nil, errPolicySyntax
	}
	var statements []statement
	if json.Unmarshal(doc.Statement, &statements) != nil {
		statements = make([]statement, 1) // a single statement needs no list
		if json.Unmarshal(doc.Statement, &statements[0]) != nil {
			return nil, errPolicySyntax
		}
	}
	findings := []policyFinding{}
	if len(statements) == 0 {
		return nil, errPolicySyntax
	}
	for _, st := range statements {
		one := func(a, b bool) bool { return a != b }
		if st.Effect != "Allow" && st.Effect != "Deny" ||
			!one(st.Principal != nil, st.NotPrincipal != nil) ||
			!one(st.Action != nil, st.NotAction != nil) ||
			!one(st.Resource != nil, st.NotResource != nil) {
			return nil, errPolicySyntax
		}
		switch {
		case st.Effect == "Allow" && anybody(st.Principal) && !st.limited():
			findings = append(findings, broadAccess)
		case st.Effect == "Deny" && anybody(st.Principal) && st.Condition == nil &&
			(slices.Contains(st.Action, "*") || slices.Contains(st.Action, "secretsmanager:*")):
			findings = append(findings, lockout)
		}
	}
	return findings, nil
}

// anybody reports whether a principal is everyone: "*", or that for AWS.
func anybody(principal any) bool {
	switch p := principal.(type) {
	case string:
		return p == "*"
	case []any:
		return slices.ContainsFunc(p, anybody)
	case map[string]any:
		return anybody(p["AWS"])
	default:
		return false
	}
}

// limited reports whether a condition limits a statement to certain accounts, networks or
// resources.
func (st *statement) limited() bool {
	keys := []string{
		"aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceaccount", "aws:sourceip",
		"aws:principalarn", "aws:principalaccount", "aws:principalorgid",
	}
	for _, operands := range st.Condition {
		for key := range operands {
			if slices.Contains(keys, strings.ToLower(key)) {
				return true
			}
		}
	}
	return false
}
