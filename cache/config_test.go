package cache

import (
	"crypto/aes"
	"crypto/cipher"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
)

func TestTheEngineGetsEverySetting(t *testing.T) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		MaxSize: 1, TTL: 2, MaxRefreshWait: 3, NoRefreshAhead: true, DefaultStage: "s", Backoff: backoff.Policy{Base: 4},
		FetchTimeout: 5, MinRefreshInterval: 6, EventSpread: 8, StaleIfError: MaxStale(7), CheckClock: true,
		Hook: struct{ hook.Hook }{}, Observer: hook.ObserverFunc(nil),
	}.WithSealedFile(filepath.Join(t.TempDir(), "f"), sealer)
	ours, theirs := reflect.ValueOf(cfg), reflect.ValueOf(cfg.engine())
	for field := range ours.Type().Fields() {
		if !field.IsExported() {
			continue
		}
		mine, other := ours.FieldByName(field.Name), theirs.FieldByName(field.Name)
		if mine.IsZero() {
			t.Errorf("the test sets no %s", field.Name)
		}
		if !other.IsValid() || other.IsZero() || mine.Comparable() && !mine.Equal(other) {
			t.Errorf("the engine does not get %s", field.Name)
		}
	}
	if theirs.FieldByName("SealedFile").IsNil() {
		t.Error("the engine does not get the sealed file")
	}
}

func TestTheDefaultsAreTheEngines(t *testing.T) {
	ours := []any{DefaultMaxSize, DefaultTTL, DefaultStage, DefaultFetchTimeout, DefaultMaxRefreshWait, DefaultMinRefreshInterval, DefaultEventSpread}
	theirs := []any{
		engine.DefaultMaxSize, engine.DefaultTTL, engine.DefaultStage,
		engine.DefaultFetchTimeout, engine.DefaultMaxRefreshWait, engine.DefaultMinRefreshInterval, engine.DefaultEventSpread,
	}
	if !reflect.DeepEqual(ours, theirs) {
		t.Errorf("package cache says %v, the engine has %v", ours, theirs)
	}
}
