package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Formats are the names of the formats of [Document.Write].
var Formats = []string{"json", "terraform", "cloudformation"}

// Write writes the policy as the JSON that IAM takes, as a data source of Terraform, or as a
// template of CloudFormation.
func (d Document) Write(w io.Writer, format string) error {
	switch format {
	case "json":
		return writeJSON(w, d)
	case "terraform":
		_, err := io.WriteString(w, d.terraform())
		return err
	case "cloudformation":
		return writeJSON(w, d.template())
	}
	return fmt.Errorf("the format %q is not known; the formats are %s", format, strings.Join(Formats, ", "))
}

// Size returns the number of characters that count against [MaxSize].
func (d Document) Size() int {
	text, err := json.Marshal(d)
	if err != nil {
		return 0
	}
	return len(text)
}

func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// template returns a managed policy in a template of CloudFormation.
func (d Document) template() any {
	type resource struct {
		Type       string
		Properties map[string]any
	}
	return struct {
		AWSTemplateFormatVersion string
		Resources                map[string]resource
	}{"2010-09-09", map[string]resource{"ReadSecretsPolicy": {
		"AWS::IAM::ManagedPolicy", map[string]any{"Description": "What the program needs to read its secrets", "PolicyDocument": d},
	}}}
}

// terraform returns the data source aws_iam_policy_document, as terraform fmt writes it.
func (d Document) terraform() string {
	var b strings.Builder
	b.WriteString("data \"aws_iam_policy_document\" \"read_secrets\" {\n")
	for i, st := range d.Statement {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "  statement {\n    sid    = %s\n    effect = %s\n    actions = %s\n    resources = %s\n",
			hcl(st.Sid), hcl(st.Effect), hclList(st.Action, "    "), hclList(st.Resource, "    "))
		for _, operator := range slices.Sorted(maps.Keys(st.Condition)) {
			for _, key := range slices.Sorted(maps.Keys(st.Condition[operator])) {
				fmt.Fprintf(&b, "\n    condition {\n      test     = %s\n      variable = %s\n      values = %s\n    }\n",
					hcl(operator), hcl(key), hclList(st.Condition[operator][key], "      "))
			}
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// hcl returns a string in the language of Terraform.
func hcl(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", "$${", "%{", "%%{").Replace(s) + `"`
}

func hclList(list []string, indent string) string {
	var b strings.Builder
	b.WriteString("[\n")
	for _, s := range list {
		b.WriteString(indent + "  " + hcl(s) + ",\n")
	}
	b.WriteString(indent + "]")
	return b.String()
}
