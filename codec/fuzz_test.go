package codec_test

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/codec"
)

// fuzzed has fields of all kinds. Its keys have no letters, because case counts for the
// codec but not for encoding/json. They are optional, so that documents with few keys are
// accepted.
type fuzzed struct {
	A string             `json:"1,omitempty"`
	B int8               `json:"2,omitempty"`
	C uint64             `json:"3,omitzero"`
	D float32            `json:"4,omitempty"`
	E bool               `json:"5,omitempty"`
	F int                `json:"6,string,omitempty"`
	G *float64           `json:"7,string"`
	H *bool              `json:"8,string"`
	I []byte             `json:"9,omitempty"`
	J time.Time          `json:"10,omitzero"`
	K time.Duration      `json:"11,omitempty"`
	L netip.Addr         `json:"12,omitzero"`
	M any                `json:"13,omitempty"`
	N json.RawMessage    `json:"14,omitempty"`
	O json.Number        `json:"15,omitempty"`
	P map[string]*fuzzed `json:"16,omitempty"`
	Q map[int16]string   `json:"17,omitempty"`
	R []fuzzed           `json:"18,omitempty"`
	S [2]int             `json:"19,omitzero"`
	T *fuzzed            `json:"20"`
	U *big.Int           `json:"21"`
	V [][]string         `json:"22,omitempty"`
	FuzzedBase
	*FuzzedPointer
}

type FuzzedBase struct {
	W string `json:"23,omitempty"`
}

type FuzzedPointer struct {
	X string `json:"24,omitempty"`
	Y int    `json:"25,omitempty"`
}

func addDocuments(f *testing.F) {
	for _, s := range []string{
		`{"1":"aA\u00e9\ud83d\ude00","2":-128,"3":18446744073709551615,"4":1.5e3,"5":true}`,
		`{"6":"12","7":"1.5","8":"true","9":"AQID","10":"2026-11-24T04:00:00Z","11":1500,"12":"::1"}`,
		`{"13":{"a":[1,"b",null,false]},"14":{"x": [1]},"15":"1e400","16":{"k":{"1":"x"},"n":null}}`,
		`{"17":{"-1":"a"},"18":[{"1":"x"},{}],"19":[1,2],"20":{"20":{"2":1}},"21":12345678901234567890}`,
		`{"22":[["a"],[]],"23":"b","24":"c","25":7,"99":{"x":1}}`,
		`{"1":null,"7":null,"8":null,"13":null,"14":null,"16":null,"20":null,"21":null,"24":null}`,
		`{"1":"a","1":"b"}`, `{"9":[1,2]}`, `{"6":7,"8":false}`, `{"11":"1m"}`,
		`[1,-0,0.1,"x"]`, `null`, `"x"`, ` {} `, `{"a":"` + "\xff" + `"}`, `{"a":"\ud800"}`, `01`, `{"19":[1]}`,
		`{"A":1,"a":2}`, `{"14":null}`, `{"15":""}`, `{"2":1e2}`, `{"6":"null"}`, `{"6":"07"}`, `{"9":"AQ\nID"}`,
	} {
		f.Add([]byte(s))
	}
}

// FuzzJSONAgreesWithEncodingJSON: documents that both accept decode to the same value. Both
// agree on what is JSON.
func FuzzJSONAgreesWithEncodingJSON(f *testing.F) {
	addDocuments(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		agree[fuzzed](t, data)
		agree[any](t, data)
		agree[map[string][]any](t, data)
	})
}

func agree[T any](t *testing.T, data []byte) {
	t.Helper()
	got, err := codec.Decode[T](codec.JSON{}, data)
	if err == nil || !errors.Is(err, codec.ErrSyntax) {
		if !json.Valid(data) {
			t.Fatalf("not JSON, and the error is %v", err)
		}
	}
	if errors.Is(err, codec.ErrPanic) {
		t.Fatal(err)
	}
	var want T
	if err != nil || json.Unmarshal(data, &want) != nil {
		return
	}
	if diff := cmp.Diff(want, got, values); diff != "" {
		t.Errorf("-encoding/json +codec:\n%s", diff)
	}
}

const (
	marked       = "QjZvXkWy"
	markedNumber = "73950286"
)

// FuzzJSONErrorsHoldNoSecret puts a secret into a document, as a value, a key, a number or
// as it is, and looks for pieces of it in every form of the error.
func FuzzJSONErrorsHoldNoSecret(f *testing.F) {
	f.Add([]byte(`{"host":"","port":1,"username":"u","password":"§"}`), 8, 1)
	f.Add([]byte(`{"host":"§","port":"§","§":§,"§":1}`), 0, 0)
	f.Add([]byte(`{"V":"§","primary":{"§":"§"},"replicas":["§"],"byZone":{"§":{"host":null}}}`), 5, 2)
	f.Add([]byte(`{"V":§,"user":"§","mode":"quote","Host":"§"}`), 1, 3)
	f.Add([]byte(`{"user":"§","mode":"panic error"}`), 12, 0)
	f.Add([]byte(`[{"V":{"host":"§"}},"§"§]`), 7, 4)
	f.Add([]byte(`{"host":7,"port":"§","timeout":"§","own":"§","inner":{"name":1,"port":"§","§":"§"},"hosts":[1,"§"],"weights":{"§":"§"},"§":1}`), 0, 0)
	f.Fuzz(func(t *testing.T, data []byte, at, how int) {
		if len(data) > 2000 {
			return // offsets of four digits could equal a part of the number
		}
		doc := strings.ReplaceAll(string(data), "§", marked)
		if at < 0 || at > len(doc) {
			at = 0
		}
		doc = doc[:at] + []string{
			"", `"` + marked + `"`, `"` + marked + `":"` + marked + `",`, markedNumber, marked,
		}[uint(how)%5] + doc[at:]
		for _, c := range []codec.Codec{codec.JSON{}, codec.JSON{Strict: true}, lenient, codec.PEM{}, codec.Text{}} {
			for _, err := range []error{
				failure[dbCreds](c, doc), failure[cluster](c, doc), failure[checked](c, doc), failure[any](c, doc),
				failure[one[upper]](c, doc), failure[one[viaStdlib]](c, doc), failure[one[viaCodec]](c, doc),
				failure[one[time.Time]](c, doc), failure[one[level]](c, doc), failure[one[[]byte]](c, doc),
				failure[quoted[int]](c, doc), failure[map[netip.Addr]int8](c, doc), failure[fuzzed](c, doc),
				failure[tls.Certificate](c, doc), failure[level](c, doc), failure[store](c, doc), failure[pemFields](c, doc),
			} {
				if err != nil {
					wantWellFormed(t, err, []byte(doc))
				}
				if form := leaksQuickly(err, marked, markedNumber); form != "" {
					t.Fatalf("a piece of the secret is in: %s", form)
				}
			}
		}
	})
}

// failure returns the error of Decode, and of the Codec used without Decode, which does not
// recover from panics of a user's methods.
func failure[T any](c codec.Codec, doc string) error {
	_, err := codec.Decode[T](c, []byte(doc))
	return err
}

// FuzzPEM: no input makes PEM panic, no error quotes the input, and each accepted pair
// belongs together.
func FuzzPEM(f *testing.F) {
	p := newPKI()
	for _, s := range []string{
		p.leafPEM + p.caPEM + p.keyPKCS8, p.keySEC1 + p.params + p.leafPEM, p.rsaPKCS1, p.edPKCS8, p.ecdhPKCS8,
		object("cert", p.leafPEM, "key", p.keySEC1), `{"key":1}`, "", "x\n" + p.caPEM + "x", strconv.Quote(p.caPEM),
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
	} {
		f.Add([]byte(s), 40)
	}
	f.Fuzz(func(t *testing.T, data []byte, at int) {
		doc := string(data)
		if at >= 0 && at <= len(doc) {
			doc = doc[:at] + marked + doc[at:]
		}
		for _, doc := range []string{string(data), doc} {
			var pair tls.Certificate
			var signer crypto.Signer
			var chain []*x509.Certificate
			errs := []error{
				codec.PEM{}.Decode([]byte(doc), &pair),
				codec.PEM{}.Decode([]byte(doc), &signer),
				codec.PEM{}.Decode([]byte(doc), &chain),
			}
			for _, err := range errs {
				if form := leaksQuickly(err, marked); form != "" {
					t.Fatalf("a piece of the input is in: %s", form)
				}
			}
			if errs[0] == nil {
				public := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
				if errs[1] != nil || errs[2] != nil || !public.Equal(pair.Leaf.PublicKey) ||
					len(chain) != len(pair.Certificate) || string(pair.Certificate[0]) != string(pair.Leaf.Raw) {
					t.Errorf("not a pair: %v", errs)
				}
			}
			if errs[2] == nil && len(chain) == 0 {
				t.Error("no certificate and no error")
			}
		}
	})
}
