package report

import (
	"cmp"
	"net/url"
	"path"
	"slices"
)

// These types are the part of SARIF 2.1.0 that is written.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string    `json:"id"`
		ShortDescription sarifText `json:"shortDescription"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		Level     Level           `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		PhysicalLocation sarifPlace `json:"physicalLocation"`
	}
	sarifPlace struct {
		ArtifactLocation struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region struct {
			StartLine   int `json:"startLine"`
			StartColumn int `json:"startColumn,omitempty"`
		} `json:"region"`
	}
)

// Rules says what each rule is about.
var Rules = map[string]string{
	"access-denied":  "The program may not read the secret, or not use its key",
	"deleted":        "The secret is marked for deletion",
	"duplicate-key":  "An object of the secret has a key twice",
	"invalid":        "The type's Validate method refuses the secret",
	"malformed":      "The secret is not what its codec reads, such as JSON",
	"misuse":         "The handle's ID, options or type make no sense",
	"missing-key":    "The secret lacks a key that the type names",
	"not-checked":    "The command can't tell what the handle reads",
	"not-found":      "There is no such secret, version or stage",
	"unavailable":    "The secret could not be fetched",
	"unfit-value":    "A value of the secret does not fit its field",
	"unknown-key":    "The secret has a key that the type does not name",
	"unreadable":     "The secret does not decode",
	"wrong-kind":     "A value of the secret is of another kind than its field",
	"without-a-type": "The secret is read as bytes",
}

func sarif(list []Finding) sarifLog {
	driver := sarifDriver{Name: "typedsecret", InformationURI: "https://github.com/typedsecret/typedsecret", Rules: []sarifRule{}}
	results := []sarifResult{}
	for _, f := range list {
		if !slices.ContainsFunc(driver.Rules, func(r sarifRule) bool { return r.ID == f.Rule }) {
			driver.Rules = append(driver.Rules, sarifRule{f.Rule, sarifText{cmp.Or(Rules[f.Rule], f.Rule)}})
		}
		var at sarifPlace
		at.ArtifactLocation.URI, at.Region.StartLine, at.Region.StartColumn = uri(f.File), max(f.Line, 1), f.Col
		results = append(results, sarifResult{f.Rule, f.Level, sarifText{f.Secret + ": " + f.Message}, []sarifLocation{{at}}})
	}
	return sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0",
		Runs: []sarifRun{{sarifTool{driver}, results}},
	}
}

// uri returns the URI of a file, relative as its name is.
func uri(file string) string {
	u := url.URL{Path: file}
	if path.IsAbs(file) {
		u.Scheme = "file"
	}
	return u.String()
}
