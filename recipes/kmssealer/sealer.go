// Package kmssealer makes the sealer of a sealed file, from a data key that AWS KMS guards:
//
//	sealer, err := kmssealer.New(ctx, kms.NewFromConfig(cfg), "alias/sealed", "/var/lib/app/sealed.key")
//	c, err := cache.New(source, cache.Config{}.WithSealedFile("/var/lib/app/secrets.sealed", sealer))
//
// The encrypted form of the data key lies beside the sealed file, and only KMS can decrypt it.
// A start calls KMS once, so the sealed file helps against outages of Secrets Manager and not
// of KMS. The service's role needs kms:Decrypt, and kms:GenerateDataKey for the first start,
// on the key.
package kmssealer

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// A Client is what New calls: a *kms.Client.
type Client interface {
	GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error)
	Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

// purpose is the encryption context. KMS decrypts the data key only with the same one, and
// CloudTrail shows it.
var purpose = map[string]string{"purpose": "typedsecret snapshot"}

const keySize = 32

// New returns AES-256 in Galois/Counter mode with the data key whose encrypted form is in
// the file at path. If there is no file, KMS makes a data key under keyID, and New writes
// the file, with mode 0600. Several processes may call New at the same time: they end up
// with one key.
//
// Errors wrap those of KMS and of the file. A key file that KMS refuses is not replaced,
// since the sealed file needs its key. To begin anew, remove both files.
func New(ctx context.Context, client Client, keyID, path string) (cipher.AEAD, error) {
	key, err := dataKey(ctx, client, keyID, path)
	defer clear(key)
	if err != nil {
		return nil, fmt.Errorf("kmssealer: %w", err)
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("kmssealer: KMS returned a data key of %d bytes, and AES-256 has %d", len(key), keySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("kmssealer: %w", err)
	}
	return cipher.NewGCM(block)
}

func dataKey(ctx context.Context, client Client, keyID, path string) ([]byte, error) {
	encrypted, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		out, err := client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
			KeyId: &keyID, KeySpec: types.DataKeySpecAes256, EncryptionContext: purpose,
		})
		if err != nil {
			return nil, fmt.Errorf("making a data key: %w", err)
		}
		clear(out.Plaintext) // the file's key is used, since another process may have made the file
		if len(out.CiphertextBlob) == 0 {
			return nil, errors.New("KMS returned a data key without its encrypted form")
		}
		if err := create(path, out.CiphertextBlob); err != nil {
			return nil, err
		}
		if encrypted, err = os.ReadFile(path); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	out, err := client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: encrypted, KeyId: &keyID, EncryptionContext: purpose})
	if err != nil {
		return nil, fmt.Errorf("decrypting the data key in %s: %w", path, err)
	}
	return out.Plaintext, nil
}

// create writes the file at path as a whole, unless it exists.
func create(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}
