// Package samples has types for the tests of package schema, which read them both as types of
// a program and by reflection.
package samples

//lint:file-ignore SA5008 the tags are those that codec.JSON reads
//lint:file-ignore U1000 a field that nobody uses has no key

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"time"

	"github.com/typedsecret/typedsecret/codec"
)

// Leaves has a field of each type that contains no other.
type Leaves struct {
	String   string
	Word     Word
	Bool     bool
	Int      int
	Int8     int8
	Int64    int64
	Uint16   uint16
	Uint64   uint64
	Float32  float32
	Float64  float64
	Bytes    []byte
	Duration time.Duration
	Time     time.Time
	Raw      json.RawMessage
	Any      any
	Number   json.Number
	Redacted codec.Redacted
}

// Structs has a field of each declared struct.
type Structs struct {
	Creds    Creds
	Embeds   Embeds
	Pointers Pointers
	Node     Node
	Deep     Deep
	Hidden   Hidden
	Shadow   Shadow
	Tagged   Tagged
	Alone    Alone
}

// A Word is a string of a type of its own.
type Word string

type Creds struct {
	Username string `json:"username"`
	Password codec.Redacted
	Port     uint16 `json:"port,omitempty"`
	Skipped  func() `json:"-"`
	inner    int
}

type base struct {
	Host string `json:"host"`
	Port int    `json:"port,string"`
}

type Extra struct {
	Region string
	Zone   *string `json:"zone"`
}

type More struct {
	*Extra
	Weight float64 `json:"weight,omitempty"`
	Kind   string  `json:"kind"`
}

type Embeds struct {
	base
	Extra
	Name string `json:"name"`
}

// Pointers embeds by pointer, on two levels.
type Pointers struct {
	*More
	Name string `json:"name,omitempty"`
}

// A Node contains itself.
type Node struct {
	Value string  `json:"value"`
	Next  *Node   `json:"next"`
	Also  []Node  `json:"also,omitempty"`
	By    NodeMap `json:"by,omitempty"`
}

type NodeMap map[string]*Node

type Deep struct {
	Replicas [2]Creds         `json:"replicas"`
	ByID     map[int]Extra    `json:"by-id"`
	ByUint   map[uint8]string `json:"by_uint,omitzero"`
	Lists    [][]int8         `json:"lists"`
	Inner    struct {
		On bool `json:"on,string"`
	} `json:"inner"`
}

type hidden struct{ Secret string }

// Hidden has an unexported field that is embedded with a tag.
type Hidden struct {
	hidden `json:"hidden"`
	Open   bool
}

type lower struct{ Key, Other string }

// Shadow hides a field of what it embeds.
type Shadow struct {
	lower
	Key int
}

type Tagged struct {
	Space  string         `json:"a key"`
	Dash   int            `json:"-,"`
	Quoted *int64         `json:"quoted,string"`
	Text   string         `json:"text,string"`
	Float  float32        `json:"float,string,omitempty"`
	Wait   time.Duration  `json:"wait,string"`
	Secret codec.Redacted `json:"secret,string"`
	Number json.Number    `json:"number"`
}

type Alone struct {
	Only *string
}

// Methods has types that decode themselves.
type Methods struct {
	Addr netip.Addr
	URL  url.URL
	URLP *url.URL
	Own  Own
}

// An Own decodes any JSON.
type Own struct{ text string }

func (o *Own) UnmarshalJSON(b []byte) error {
	o.text = string(b)
	return nil
}
