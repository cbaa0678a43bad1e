package kmssealer_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/recipes/kmssealer"
)

// A fakeKMS answers the two calls; the encrypted form of a key is its number.
type fakeKMS struct {
	mu    sync.Mutex
	keys  [][]byte
	size  int  // the length of a key; 0 means 32
	bares bool // the answer lacks the encrypted form
}

func (f *fakeKMS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var in struct {
		KeyId             string
		CiphertextBlob    []byte
		EncryptionContext map[string]string
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.KeyId != "alias/snapshot" || in.EncryptionContext["purpose"] == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	number := 0
	switch r.Header.Get("X-Amz-Target") {
	case "TrentService.GenerateDataKey":
		key := make([]byte, cmp.Or(f.size, 32))
		rand.Read(key)
		f.keys = append(f.keys, key)
		number = len(f.keys)
	case "TrentService.Decrypt":
		fmt.Sscanf(string(in.CiphertextBlob), "key %d", &number)
	}
	if number < 1 || number > len(f.keys) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"InvalidCiphertextException"}`)
		return
	}
	answer := map[string]any{"Plaintext": f.keys[number-1], "CiphertextBlob": fmt.Appendf(nil, "key %d", number), "KeyId": in.KeyId}
	if f.bares {
		delete(answer, "CiphertextBlob")
	}
	json.NewEncoder(w).Encode(answer)
}

func clientOf(url string) *kms.Client {
	return kms.New(kms.Options{
		Region: "us-east-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "key"}, nil
		}),
	})
}

func newKMS(t testing.TB) *kms.Client { return overKMS(t, new(fakeKMS)) }

func overKMS(t testing.TB, fake *fakeKMS) *kms.Client {
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	return clientOf(server.URL)
}

func TestTheNextStartHasTheSameKey(t *testing.T) {
	client, path := newKMS(t), filepath.Join(t.TempDir(), "snapshot.key")
	var sealed []byte
	var starts sync.WaitGroup
	var mu sync.Mutex
	for range 8 { // all at the same time
		starts.Go(func() {
			aead, err := kmssealer.New(t.Context(), client, "alias/snapshot", path)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			nonce := make([]byte, aead.NonceSize())
			if sealed == nil {
				sealed = aead.Seal(nil, nonce, []byte("hunter2"), nil)
			}
			if got, err := aead.Open(nil, nonce, sealed, nil); err != nil || string(got) != "hunter2" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	starts.Wait()
	data, err := os.ReadFile(path)
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || !bytes.HasPrefix(data, []byte("key ")) || info.Mode() != 0o600 {
		t.Errorf("the file holds %q, %v, %v", data, err, statErr)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAKeyFileThatKMSRefusesIsAnErrorAndStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snapshot.key")
	if err := os.WriteFile(path, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := kmssealer.New(t.Context(), newKMS(t), "alias/snapshot", path)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "InvalidCiphertextException") {
		t.Errorf("got %v", err)
	}
	if data, _ := os.ReadFile(path); string(data) != "rubbish" {
		t.Errorf("the file holds %q", data)
	}
	for name, path := range map[string]string{"a directory": t.TempDir(), "in no directory": path + "/none/key"} {
		if _, err := kmssealer.New(t.Context(), newKMS(t), "alias/snapshot", path); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestADataKeyThatIsNoneIsNotUsedNorKept(t *testing.T) {
	for _, size := range []int{16, 24, 33} {
		_, err := kmssealer.New(t.Context(), overKMS(t, &fakeKMS{size: size}), "alias/snapshot", filepath.Join(t.TempDir(), "key"))
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("a data key of %d bytes", size)) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	path := filepath.Join(t.TempDir(), "key")
	_, err := kmssealer.New(t.Context(), overKMS(t, &fakeKMS{bares: true}), "alias/snapshot", path)
	if err == nil || !strings.Contains(err.Error(), "without its encrypted form") {
		t.Errorf("got %v", err)
	}
	if _, err := kmssealer.New(t.Context(), newKMS(t), "alias/snapshot", path); err != nil {
		t.Errorf("the next start: %v", err)
	}
}

func ExampleNew() {
	server := httptest.NewServer(new(fakeKMS)) // a service uses kms.NewFromConfig(cfg)
	defer server.Close()
	dir, err := os.MkdirTemp("", "snapshot")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	sealer, err := kmssealer.New(context.Background(), clientOf(server.URL), "alias/snapshot", filepath.Join(dir, "snapshot.key"))
	if err != nil {
		log.Fatal(err)
	}
	cfg := cache.Config{}.WithSealedFile(filepath.Join(dir, "secrets.sealed"), sealer)
	fmt.Println(cfg.Validate())
	// Output: <nil>
}
