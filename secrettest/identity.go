package secrettest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SetIdentityPolicy makes the server enforce an identity policy of IAM, as if each request
// came from a role that has this policy and no other. A request that the policy does not allow
// gets AccessDeniedException. In a batch, so does each secret that GetSecretValue may not read.
// With "" the server allows everything again, as it does at the start. Methods of the Server,
// such as Seed and Rotate, are not affected.
//
// The server judges actions and resources with their wildcards, NotAction, NotResource and
// Deny. A secret that has a customer's KMS key needs kms:Decrypt on that key beside
// GetSecretValue. The condition operators are StringEquals, StringNotEquals, StringLike,
// StringNotLike, ArnEquals and ArnLike. The condition keys are secretsmanager:VersionStage,
// secretsmanager:VersionId, secretsmanager:ResourceTag/…, kms:ViaService and
// kms:EncryptionContext:SecretARN. A policy with another operator or key is an error, since the
// server can't tell what it allows. Resource policies are not enforced.
//
// SetIdentityPolicy may be called at any time; requests that begin later obey the new policy.
func (s *Server) SetIdentityPolicy(policy string) error {
	var p *identityPolicy
	if policy != "" {
		var err error
		if p, err = parseIdentityPolicy(policy); err != nil {
			return fmt.Errorf("secrettest: the identity policy: %w", err)
		}
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.identity = p
	return nil
}

// An identityPolicy decides which requests are allowed.
type identityPolicy struct{ statements []identityStatement }

type identityStatement struct {
	Sid                   string
	Effect                string
	Action, NotAction     anyStrings
	Resource, NotResource anyStrings
	Condition             map[string]map[string]anyStrings
}

// An access is an action on a resource, which a policy allows or denies.
type access struct {
	action, resource string
	context          map[string]string // by condition key, in lower case
}

func parseIdentityPolicy(text string) (*identityPolicy, error) {
	var doc struct {
		Version, Id string
		Statement   json.RawMessage
	}
	if err := decodeStrictly([]byte(text), &doc); err != nil {
		return nil, err
	}
	if doc.Version != "2012-10-17" && doc.Version != "2008-10-17" {
		return nil, fmt.Errorf("its Version is %q; it must be 2012-10-17", doc.Version)
	}
	p := &identityPolicy{}
	if bytes.HasPrefix(bytes.TrimSpace(doc.Statement), []byte("{")) {
		p.statements = make([]identityStatement, 1) // a single statement needs no list
		if err := decodeStrictly(doc.Statement, &p.statements[0]); err != nil {
			return nil, err
		}
	} else if err := decodeStrictly(doc.Statement, &p.statements); err != nil {
		return nil, err
	}
	if len(p.statements) == 0 {
		return nil, errors.New("it has no Statement")
	}
	for i, st := range p.statements {
		if err := st.check(); err != nil {
			return nil, fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	return p, nil
}

func decodeStrictly(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

func (st *identityStatement) check() error {
	switch {
	case st.Effect != "Allow" && st.Effect != "Deny":
		return fmt.Errorf("its Effect is %q; it must be Allow or Deny", st.Effect)
	case (st.Action == nil) == (st.NotAction == nil):
		return errors.New("it must have either Action or NotAction")
	case (st.Resource == nil) == (st.NotResource == nil):
		return errors.New("it must have either Resource or NotResource")
	}
	for operator, keys := range st.Condition {
		if _, known := operators[operator]; !known {
			return fmt.Errorf("the server can't judge the condition operator %q", operator)
		}
		for key := range keys {
			if lower := strings.ToLower(key); !slices.Contains(conditionKeys, lower) && !strings.HasPrefix(lower, resourceTag) {
				return fmt.Errorf("the server can't judge the condition key %q", key)
			}
		}
	}
	return nil
}

const resourceTag = "secretsmanager:resourcetag/"

var conditionKeys = []string{
	"secretsmanager:versionstage", "secretsmanager:versionid", "kms:viaservice", "kms:encryptioncontext:secretarn",
}

// operators are the condition operators. Each says whether a value of the request matches one
// of the policy's values.
var operators = map[string]struct {
	negated bool
	match   func(pattern, value string) bool
}{
	"StringEquals":    {false, func(a, b string) bool { return a == b }},
	"StringNotEquals": {true, func(a, b string) bool { return a == b }},
	"StringLike":      {false, like},
	"StringNotLike":   {true, like},
	"ArnEquals":       {false, like},
	"ArnLike":         {false, like},
}

// like reports whether value matches a pattern, in which * is any text and ? any character.
func like(pattern, value string) bool {
	head, rest, found := strings.Cut(pattern, "*")
	if len(value) < len(head) || !sameBut(head, value[:len(head)]) || !found && len(value) > len(head) {
		return false
	}
	if !found {
		return true
	}
	value = value[len(head):]
	for {
		if like(rest, value) {
			return true
		}
		if value == "" {
			return false
		}
		value = value[1:]
	}
}

// sameBut compares texts of the same length; a ? in the pattern is any character.
func sameBut(pattern, value string) bool {
	for i := range len(pattern) {
		if pattern[i] != '?' && pattern[i] != value[i] {
			return false
		}
	}
	return true
}

// covers reports whether the statement is about the access.
func (st *identityStatement) covers(a access) bool {
	// The names of actions are not case-sensitive.
	action := slices.ContainsFunc(append(st.Action, st.NotAction...), func(pattern string) bool {
		return like(strings.ToLower(pattern), strings.ToLower(a.action))
	})
	resource := slices.ContainsFunc(append(st.Resource, st.NotResource...), func(pattern string) bool {
		return like(pattern, a.resource)
	})
	if action == (st.NotAction != nil) || resource == (st.NotResource != nil) {
		return false
	}
	for operator, keys := range st.Condition {
		op := operators[operator]
		for key, values := range keys {
			value, present := a.context[strings.ToLower(key)]
			matches := present && slices.ContainsFunc(values, func(pattern string) bool { return op.match(pattern, value) })
			if matches == op.negated {
				return false
			}
		}
	}
	return true
}

// permits returns nil if the policy allows the access, and otherwise the reason.
func (p *identityPolicy) permits(a access) (refusal string) {
	refusal = "because no identity-based policy allows the " + a.action + " action"
	for _, st := range p.statements {
		switch {
		case !st.covers(a):
		case st.Effect == "Deny":
			return "with an explicit deny in an identity-based policy"
		default:
			refusal = ""
		}
	}
	return refusal
}

// authorize returns an error if the identity policy does not allow a request. It takes the
// store's lock. As the service does, it comes before the secret is looked for: without a secret,
// the resource is the ID of the request.
func (s *Server) authorize(req *request) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	p := s.store.identity
	if p == nil {
		return nil
	}
	var in struct{ SecretId, Name, VersionStage, VersionId *string }
	_ = json.Unmarshal(req.body, &in)
	a := access{action: "secretsmanager:" + req.op, resource: "*", context: map[string]string{}}
	for key, value := range map[string]*string{"secretsmanager:versionstage": in.VersionStage, "secretsmanager:versionid": in.VersionId} {
		if value != nil {
			a.context[key] = *value
		}
	}
	switch {
	case in.SecretId != nil:
		return s.store.allow(a, *in.SecretId)
	case in.Name != nil && req.op == "CreateSecret":
		a.resource = s.store.arn(*in.Name + "-AAAAAA") // as if it were there
	}
	if refusal := p.permits(a); refusal != "" {
		return denied(a, a.resource, refusal)
	}
	return nil
}

// allow judges an access to the secret with this ID, and the use of its key.
func (st *store) allow(a access, id string) error {
	if st.identity == nil {
		return nil
	}
	sec := st.find(id)
	a.resource = id
	if sec != nil {
		a.resource = sec.arn
		for _, t := range sec.tags {
			a.context[resourceTag+strings.ToLower(t.Key)] = t.Value
		}
	}
	if refusal := st.identity.permits(a); refusal != "" {
		return denied(a, id, refusal)
	}
	if a.action != "secretsmanager:GetSecretValue" || sec == nil || sec.kmsKey == "" {
		return nil
	}
	decrypt := access{action: "kms:Decrypt", resource: st.keyARN(sec.kmsKey), context: map[string]string{
		"kms:viaservice":                  "secretsmanager." + st.region + ".amazonaws.com",
		"kms:encryptioncontext:secretarn": sec.arn,
	}}
	if st.identity.permits(decrypt) != "" {
		return errNoKey
	}
	return nil
}

// The words are those of the service when a role may read a secret and not use its key.
var errNoKey = serviceError("AccessDeniedException", "Access to KMS is not allowed")

// keyARN returns the ARN of a KMS key. The server does not know the key of an alias, so it
// takes the alias for the key.
func (st *store) keyARN(key string) string {
	switch {
	case strings.HasPrefix(key, "arn:"):
		return key
	case !strings.HasPrefix(key, "alias/"):
		key = "key/" + key
	}
	return "arn:" + partition(st.region) + ":kms:" + st.region + ":" + st.cfg.Account + ":" + key
}

func denied(a access, resource, refusal string) *apiError {
	return serviceError("AccessDeniedException", fmt.Sprintf(
		"User: arn:aws:iam::123456789012:user/secrettest is not authorized to perform: %s on resource: %s %s", a.action, resource, refusal))
}
