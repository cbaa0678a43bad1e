package codec_test

import (
	"encoding/json"
	"testing"

	"github.com/typedsecret/typedsecret/codec"
)

// BenchmarkJSON decodes five fields of an RDS secret.
func BenchmarkJSON(b *testing.B) {
	data := []byte(inputs.Replace(dbJSON))
	b.Run("codec", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := codec.Decode[dbCreds](codec.JSON{}, data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v dbCreds
			if err := json.Unmarshal(data, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
