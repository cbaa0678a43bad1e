package schema_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/handles"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/schema"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/schema/internal/samples"
	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/shape"
	"github.com/typedsecret/typedsecret/codec"
)

func reading(p pair) schema.Reading {
	return schema.Reading{Codec: shape.JSON, Shape: shape.Of(p.reads)}
}

func TestASchemaAsAPersonReadsIt(t *testing.T) {
	p := pairsOf("Structs", reflect.TypeFor[samples.Structs]())[0]
	text, err := json.MarshalIndent(reading(p).Schema(), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
	"$defs": {
		"samples.Creds": {
			"allOf": [
				{
					"anyOf": [
						{
							"required": [
								"port"
							]
						},
						{
							"propertyNames": {
								"anyOf": [
									{
										"enum": [
											"username",
											"Password",
											"port"
										]
									},
									{
										"not": {
											"pattern": "^[\\p{Z}\\p{Cc}\\p{Cf}]*[pP][\\p{Z}\\p{Cc}\\p{Cf}]*[oO][\\p{Z}\\p{Cc}\\p{Cf}]*[rR][\\p{Z}\\p{Cc}\\p{Cf}]*[tT][\\p{Z}\\p{Cc}\\p{Cf}]*$"
										}
									}
								]
							}
						}
					]
				}
			],
			"properties": {
				"Password": {
					"not": {
						"const": "[REDACTED]"
					},
					"type": "string"
				},
				"port": {
					"anyOf": [
						{
							"maximum": 65535,
							"minimum": 0,
							"type": "integer"
						},
						{
							"type": "null"
						}
					]
				},
				"username": {
					"type": "string"
				}
			},
			"required": [
				"username",
				"Password"
			],
			"type": "object"
		}
	},
	"$ref": "#/$defs/samples.Creds",
	"$schema": "https://json-schema.org/draft/2020-12/schema"
}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestASkeletonIsASecretThatDecodes once its values are filled in.
func TestASkeletonIsASecretThatDecodes(t *testing.T) {
	for _, p := range append(pairsOf("Structs", reflect.TypeFor[samples.Structs]()), pairsOf("Leaves", reflect.TypeFor[samples.Leaves]())...) {
		text := reading(p).Skeleton()
		if err := (codec.JSON{}).Decode([]byte(text), reflect.New(p.goes).Interface()); err != nil && p.goes.Kind() != reflect.Interface {
			t.Errorf("%v: %v\n%s", p.goes, err, text)
		}
		if p.goes == reflect.TypeFor[samples.Creds]() {
			if want := "{\n  \"username\": \"\",\n  \"Password\": \"\",\n  \"port\": 0\n}"; text != want {
				t.Errorf("%s, want %s", text, want)
			}
		}
	}
}

// TestATypeThatDecodesItselfTakesWhatItsMethodTakes: the schema allows that and more.
func TestATypeThatDecodesItselfTakesWhatItsMethodTakes(t *testing.T) {
	docs := map[string][]string{
		"netip.Addr":  {`"127.0.0.1"`},
		"url.URL":     {`"https://example.com/"`},
		"*url.URL":    {`"https://example.com/"`},
		"samples.Own": {`{"any":[1]}`, `"x"`, `1`},
	}
	for _, p := range pairsOf("Methods", reflect.TypeFor[samples.Methods]()) {
		r := reading(p)
		text, err := json.Marshal(r.Schema())
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range docs[p.goes.String()] {
			if err := (codec.JSON{}).Decode([]byte(doc), reflect.New(p.goes).Interface()); err != nil {
				t.Fatal(err)
			}
			if valid, why := judge(t, text, doc); !valid {
				t.Errorf("%v: %s: %v", p.goes, doc, why)
			}
		}
		if valid, _ := judge(t, text, "null"); valid {
			t.Errorf("%v takes null", p.goes)
		}
		delete(docs, p.goes.String())
	}
	if len(docs) > 0 {
		t.Errorf("not tested: %v", docs)
	}
}

// TestTheReadingsOfAProgram: of each handle, the codec, the keys, and what is not known.
func TestTheReadingsOfAProgram(t *testing.T) {
	p, err := handles.Find(t.Context(), handles.Config{}, "./internal/readings")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i := range p.Handles {
		r := schema.Read(p, &p.Handles[i])
		var keys []string
		for _, k := range r.Keys() {
			text := k.Key + " " + k.Value
			if !k.Required {
				text += "?"
			}
			keys = append(keys, text)
		}
		said := r.Codec + " " + r.Key + " [" + strings.Join(keys, ", ") + "]"
		if r.Unknown != "" {
			said = "unknown: " + r.Unknown
		}
		if r.Options != (schema.JSON{}) {
			said += " " + strings.Trim(strings.Join(strings.Fields(jsonOf(t, r.Options)), ""), "{}")
		}
		got[p.Handles[i].IDs[0].String()] = said
	}
	want := map[string]string{
		"creds":      `codec.JSON  [username string, password string, port integer?, replicas array of object, replicas[].host string, extra any JSON]`,
		"text":       `codec.Text  []`,
		"key":        `codec.Text token [token string]`,
		"object-key": `codec.JSON db [db object, db.host string]`,
		"lenient":    `codec.JSON  [host string] "Strict":false,"Lenient":true,"AllowMissing":false`,
		"missing":    `codec.JSON  [host string?] "Strict":true,"Lenient":false,"AllowMissing":true`,
		"variable":   "unknown: its codec is made at run time: typedsecret.WithCodec(custom)",
		"registered": "unknown: codec.Register gives its T a codec",
		"pem":        `codec.PEM  []`,
		"url":        `codec.Text  []`,
		"bytes":      `codec.Bytes  []`,
		"trimmed":    `codec.Text  []`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
