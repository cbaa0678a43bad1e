package yaml_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/recipes/yaml"
)

type (
	hidesPassword struct {
		big.Int
		Password string `json:"password"`
	}
	yamlTag struct {
		Password *string `yaml:"password"`
	}
	yamlName struct {
		creds `yaml:"creds"`
	}
	yamlOut struct {
		Host  string
		Notes *string `yaml:"-"`
	}
	readsYAML struct{ Password *string }
	lists     struct {
		In  map[string][]*yamlTag `json:"in"`
		All []lists               `json:"all,omitempty"`
	}
	// bothTags is read by its json tags.
	bothTags struct {
		Base    `yaml:",inline"`
		Host    string    `json:"host" yaml:"host"`
		Expires time.Time `json:"expires" yaml:"expires"`
		Out     *yamlTag  `json:"-"`
		Mode    ownMode   `json:"mode"`
	}
	Base    struct{ ID string }
	ownMode struct{ name string }
)

func (*readsYAML) UnmarshalYAML([]byte) error { return nil }

func (m *ownMode) UnmarshalYAML([]byte) error { return errors.New("not called") }
func (m *ownMode) UnmarshalText(b []byte) error {
	m.name = string(b)
	return nil
}

func TestATypeThatWouldStayEmptyIsRefused(t *testing.T) {
	for _, row := range []struct {
		name   string
		check  func() error
		decode func(string) error
		input  string
		says   []string
	}{
		refuses[[]hidesPassword]("a promoted method", "[7]", "yaml_test.hidesPassword (at [*]) embeds big.Int", "Password stays empty"),
		refuses[yamlTag]("a yaml tag", "password: p", `the field Password of yaml_test.yamlTag has the tag yaml:"password" and no json tag`),
		refuses[lists]("a yaml tag further down", "in: {a: []}", `the field Password of yaml_test.yamlTag (at In[*][*]) has the tag yaml:"password"`),
		refuses[yamlName]("a yaml tag on what is embedded", "creds: {}", `the field creds of yaml_test.yamlName has the tag yaml:"creds"`),
		refuses[yamlOut]("a yaml tag that says no", "Host: h", `the field Notes of yaml_test.yamlOut has the tag yaml:"-"`),
		refuses[readsYAML]("UnmarshalYAML", "Password: p", "yaml_test.readsYAML has an UnmarshalYAML method, which recipes/yaml does not call"),
		refuses[map[string]*readsYAML]("UnmarshalYAML further down", "a: {Password: p}", "yaml_test.readsYAML (at [*]) has an UnmarshalYAML method"),
	} {
		t.Run(row.name, func(t *testing.T) {
			err := row.decode(row.input)
			if unfit := row.check(); !errors.Is(err, codec.ErrUnsupported) || unfit == nil || unfit.Error() != err.Error() {
				t.Fatalf("Decode: %v\nCheck: %v", err, unfit)
			}
			for _, s := range row.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%v\ndoes not say: %s", err, s)
				}
			}
		})
	}
}

func refuses[T any](name, input string, says ...string) (row struct {
	name   string
	check  func() error
	decode func(string) error
	input  string
	says   []string
},
) {
	row.name, row.input, row.says = name, input, says
	row.check = func() error { return codec.Check[T](yaml.Codec{}) }
	row.decode = func(input string) error {
		_, err := codec.Decode[T](yaml.Codec{}, []byte(input))
		return err
	}
	return row
}

func TestTagsOfBothKindsAreTheJSONOnes(t *testing.T) {
	in := "ID: i\nhost: h\nexpires: 2026-11-24T04:00:00Z\nmode: m\n"
	got, err := codec.Decode[bothTags](yaml.Codec{}, []byte(in))
	if err != nil || codec.Check[bothTags](yaml.Codec{}) != nil || got.ID != "i" || got.Mode.name != "m" {
		t.Errorf("got %+v, %v", got, err)
	}
}
