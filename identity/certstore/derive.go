package certstore

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
)

// Key answers an AES-256 key for something else that belongs to whoever has the store: derived from the store's key (RFC 5869), a
// different one for each purpose. Errors are those of a key that is not to be had.
func (s *Store) Key(ctx context.Context, purpose string) ([]byte, error) {
	_, key, err := s.storeKey(ctx)
	if err != nil {
		return nil, err
	}
	return hkdf.Key(sha256.New, key, nil, "awsauth "+purpose, len(key))
}
