package codec_test

import (
	"strings"

	"github.com/typedsecret/typedsecret/codec"
)

type dbCreds struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Username string `json:"username"`
	Password string `json:"password"`
	DBName   string `json:"dbname,omitempty"`
}

const dbJSON = `{"engine":"postgres","host":"db.internal","port":5432,"username":"app","password":"$S","dbname":"orders","dbClusterIdentifier":"c-1"}`

var db = dbCreds{"db.internal", 5432, "app", secretText, "orders"}

type node struct {
	Name string `json:"name"`
	Next *node  `json:"next"`
}

type replica struct {
	Host string `json:"host"`
}

type cluster struct {
	Primary  replica            `json:"primary"`
	Replicas []replica          `json:"replicas"`
	ByZone   map[string]replica `json:"byZone"`
}

type Base struct {
	Host string `json:"host"`
	User string
}

type embeds struct {
	Base
	Password string `json:"password"`
}

type embedsPointer struct {
	*Base
	Password string `json:"password"`
}

type hidden struct{ Key string }

type embedsHidden struct {
	hidden
	ID string
}

type embedsTagged struct {
	Base `json:"base"`
	hid  `json:"hid"`
}

type hid struct{ Key string }

type (
	left      struct{ Host, L string }
	right     struct{ Host, R string }
	ambiguous struct {
		left
		right
	}
	outerWins struct {
		Base
		Host string `json:"host"`
	}
)

type (
	deepHost struct{ Host string }
	viaA     struct{ deepHost }
	viaB     struct{ deepHost }
	diamond  struct {
		viaA
		viaB
		ID string
	}
)

// readsItself is embedded as an unexported field, so its method cannot be called.
type readsItself struct{ Key string }

func (r *readsItself) UnmarshalText([]byte) error { panic("not callable") }

type hidesReader struct {
	readsItself `json:"r"`
	hid         `json:"h"` // has no method, so that no method is promoted twice
}

func (*hidesReader) UnmarshalText(int) {} // hides the promoted method

type optional struct {
	A string `json:",omitempty"`
	B int    `json:",omitzero"`
	C *int
	D []string `json:"d,omitempty"`
	E string   `json:"-"`
	//lint:ignore SA5008 encoding/json takes it for the key "-"
	F string `json:"-,"`
	//lint:ignore U1000 unexported fields have no key
	g string
}

type pair[K, V any] struct {
	Key   K `json:"key"`
	Value V `json:"value"`
}

type anyField struct {
	V any `json:"v"`
}

var structRows = []decoding{
	accepts("RDS", dbJSON, db),
	accepts("pointer to struct", dbJSON, &db),
	accepts("optional key missing", `{"host":"h","port":1,"username":"u","password":"p"}`, dbCreds{"h", 1, "u", "p", ""}),
	accepts("other order and white space", " {\n\"password\" : \"p\",\t\"port\":1 ,\"username\":\"u\",\r\"host\":\"h\" } ", dbCreds{"h", 1, "u", "p", ""}),
	accepts("escaped key", `{"\u0068ost":"h"}`, replica{"h"}),
	accepts("nested", `{"primary":{"host":"a"},"replicas":[{"host":"b"},{"host":"c"}],"byZone":{"z":{"host":"d"}}}`,
		cluster{replica{"a"}, []replica{{"b"}, {"c"}}, map[string]replica{"z": {"d"}}}),
	accepts("recursive", `{"name":"a","next":{"name":"b","next":null}}`, node{"a", &node{Name: "b"}}),
	accepts("embedded", `{"host":"h","User":"u","password":"p"}`, embeds{Base{"h", "u"}, "p"}),
	accepts("embedded pointer", `{"host":"h","User":"u","password":"p"}`, embedsPointer{&Base{"h", "u"}, "p"}),
	accepts("embedded pointer, none of its keys", `{"password":"p"}`, embedsPointer{nil, "p"}),
	accepts("embedded unexported", `{"Key":"k","ID":"i"}`, embedsHidden{hidden{"k"}, "i"}),
	accepts("embedded with a tag", `{"base":{"host":"h","User":"u"},"hid":{"Key":"k"}}`, embedsTagged{Base{"h", "u"}, hid{"k"}}),
	accepts("all optional", `{"-":"f"}`, optional{F: "f"}),
	accepts("optional are null", `{"A":null,"B":null,"C":null,"d":null,"-":"f"}`, optional{F: "f"}),
	accepts("generic", `{"key":"k","value":[1,2]}`, pair[string, []int]{"k", []int{1, 2}}),
	accepts("null for an interface", `{"v":null}`, anyField{}),
	accepts("unknown keys ignored", `{"host":"h","x":{"y":[1,{"z":null}],"w":"\n"},"":0}`, replica{"h"}),
	accepts("anonymous struct", `{"A":1}`, struct{ A int }{1}),
	accepts("empty struct", `{"x":1}`, struct{}{}),
	acceptsBy(codec.JSON{Strict: true}, "strict", `{"host":"h"}`, replica{"h"}),

	refuses[dbCreds]("missing keys all at once", `{"password":"$S","x":$N}`, codec.ErrMissingKey,
		`missing keys "host" (field Host), "port" (field Port), "username" (field Username)`, "codec_test.dbCreds"),
	refuses[dbCreds]("missing and wrong", `{"password":$N,"host":"$S"}`, codec.ErrMissingKey,
		"password: wrong kind", `also missing keys "port"`),
	refuses[dbCreds]("missing and wrong is also wrong", `{"password":$N,"host":"$S"}`, codec.ErrWrongKind),
	refuses[*dbCreds]("missing by pointer", `{"password":"$S"}`, codec.ErrMissingKey, `"host"`),
	refuses[dbCreds]("case differs", `{"Host":"$S","port":1,"username":"u","password":"p"}`, codec.ErrMissingKey,
		`"host" (field Host, the secret has "Host" and case counts)`),
	refuses[cluster]("missing in nested", `{"primary":{},"replicas":[{"host":"$S"},{}],"byZone":{"$S":{}}}`, codec.ErrMissingKey,
		`"primary.host" (field Primary.Host)`, `"replicas[1].host" (field Replicas[1].Host)`, `"byZone[*].host" (field ByZone[*].Host)`),
	refuses[node]("missing behind a pointer", `{"name":"$S","next":{}}`, codec.ErrMissingKey, `"next.name"`),
	refuses[embeds]("missing in embedded", `{"password":"$S"}`, codec.ErrMissingKey, `"host" (field Host)`, `"User" (field User)`),
	refuses[embedsPointer]("embedded pointer, half of its keys", `{"host":"$S","password":"p"}`, codec.ErrMissingKey, `missing key "User"`),
	refuses[dbCreds]("null", `{"host":null,"port":$N,"username":"u","password":"p"}`, codec.ErrMissingKey, `"host" (field Host, null in the secret)`),
	refuses[cluster]("null for slice and map", `{"primary":{"host":"$S"},"replicas":null,"byZone":null}`, codec.ErrMissingKey, `"replicas"`, `"byZone"`),
	refuses[[]string]("null element", `["$S",null]`, codec.ErrWrongKind, "[1]: ", "met null where a string is wanted"),
	refuses[map[string]int]("null map value", `{"$S":null}`, codec.ErrWrongKind, "[*]: "),
	refuses[*dbCreds]("null at the top", `null`, codec.ErrWrongKind, "met null"),
	refuses[dbCreds]("duplicate key", `{"host":"$S","host":"$S"}`, codec.ErrDuplicateKey, "host: duplicate key"),
	refuses[dbCreds]("duplicate key, escaped", `{"host":"$S","\u0068ost":"$S"}`, codec.ErrDuplicateKey),
	refuses[replica]("duplicate unknown key", `{"host":"h","$S":1,"$S":2}`, codec.ErrDuplicateKey),
	refuses[replica]("duplicate in what is skipped", `{"host":"h","x":[{"$S":1,"$S":2}]}`, codec.ErrDuplicateKey),
	refuses[replica]("duplicate among many", `{`+manyKeys()+`"$S":1,"$S":2,"host":"h"}`, codec.ErrDuplicateKey),
	refuses[replica]("duplicate of an early one among many", `{`+manyKeys()+`"kxx":"$S","host":"h"}`, codec.ErrDuplicateKey),
	refuses[map[string]any]("duplicate in a map", `{"$S":1,"$S":2}`, codec.ErrDuplicateKey),
	refuses[anyField]("duplicate in any", `{"v":[{"$S":1,"$S":2}]}`, codec.ErrDuplicateKey, "v[0][*]: "),
	refuses[map[int]any]("duplicate after conversion", `{"1":"$S","01":2}`, codec.ErrDuplicateKey),
	refusesBy[replica](codec.JSON{Strict: true}, "strict unknown", `{"host":"h","$S":$N}`, codec.ErrUnknownKey, "offset 12"),
	refusesBy[replica](codec.JSON{Strict: true}, "strict other case", `{"host":"h","HOST":"$S"}`, codec.ErrUnknownKey, `but for its case it is "host"`),
	refusesBy[cluster](codec.JSON{Strict: true}, "strict nested", `{"primary":{"host":"h","$S":1},"replicas":[],"byZone":{}}`, codec.ErrUnknownKey, "primary: "),
	refuses[dbCreds]("array for an object", `["$S"]`, codec.ErrWrongKind, "met an array where an object is wanted"),
	refuses[dbCreds]("string for an object", `"$S"`, codec.ErrWrongKind, "met a string where an object is wanted"),
	refuses[dbCreds]("number for an object", `$N`, codec.ErrWrongKind, "met a number where an object is wanted"),
}

func manyKeys() string {
	var b strings.Builder
	for i := range 40 {
		b.WriteString(`"k` + strings.Repeat("x", i) + `":0,`)
	}
	return b.String()
}
