package account

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// Session is what a session token stands for. The token itself carries it, sealed, so that the emulator keeps no list of
// sessions and credentials outlive a restart with --state.
type Session struct {
	AccessKeyID string    `json:"k"` // ASIAEMU…
	IssuedAt    time.Time `json:"i"`
	Expiration  time.Time `json:"e"`
	// RoleName and RoleID are set for an assumed role, UserName and UserID for GetSessionToken.
	RoleName    string `json:"r,omitempty"`
	RoleID      string `json:"d,omitempty"`
	SessionName string `json:"n,omitempty"`
	UserName    string `json:"u,omitempty"`
	UserID      string `json:"v,omitempty"`

	SourceIdentity string            `json:"s,omitempty"`
	Tags           map[string]string `json:"t,omitempty"` // session tags
	TransitiveTags []string          `json:"x,omitempty"` // keys of Tags that a chained session inherits
	// Policies are session policies as JSON, ManagedPolicies the ARNs of managed ones: what a session may do is what its
	// role allows and these allow too.
	Policies        []string `json:"p,omitempty"`
	ManagedPolicies []string `json:"m,omitempty"`
}

// Credentials are temporary credentials as issued.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time // whole seconds
}

// Issue makes the credentials of a session that lasts for the given time, or for Config.SessionLifetime if that is
// shorter, in whole seconds begun. It sets AccessKeyID, IssuedAt and Expiration.
func (a *Account) Issue(s Session, lifetime time.Duration) Credentials {
	if a.SessionLifetime > 0 {
		lifetime = min(lifetime, a.SessionLifetime)
	}
	s.AccessKeyID = NewAccessKeyID(PrefixSessionAccessKey)
	s.IssuedAt = a.Now().UTC().Truncate(time.Second)
	s.Expiration = s.IssuedAt.Add((lifetime + time.Second - 1).Truncate(time.Second))
	plain, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and times always encode
	}
	key := a.sealKey()
	aead := sealer(key)
	sealed := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(sealed)
	sealed = aead.Seal(sealed, sealed, plain, []byte(s.AccessKeyID))
	return Credentials{
		AccessKeyID:     s.AccessKeyID,
		SecretAccessKey: sessionSecret(key, s.AccessKeyID),
		SessionToken:    base64.StdEncoding.EncodeToString(sealed),
		Expiration:      s.Expiration,
	}
}

// ErrToken reports a session token that is not the one issued with the access key.
var ErrToken = errors.New("the session token was not issued with this access key")

// OpenToken answers the session and its secret access key. It fails with ErrToken, also for an expired session's token
// that was tampered with; whether a session has expired is the caller's to check.
func (a *Account) OpenToken(accessKeyID, token string) (*Session, string, error) {
	sealed, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil {
		return nil, "", ErrToken
	}
	key := a.sealKey()
	aead := sealer(key)
	if len(sealed) < aead.NonceSize() {
		return nil, "", ErrToken
	}
	nonce, sealed := sealed[:aead.NonceSize()], sealed[aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, sealed, []byte(accessKeyID))
	if err != nil {
		return nil, "", ErrToken
	}
	s := new(Session)
	if err := json.Unmarshal(plain, s); err != nil {
		return nil, "", ErrToken
	}
	return s, sessionSecret(key, accessKeyID), nil
}

func (a *Account) sealKey() (key []byte) {
	a.Read(func(s *State) { key = s.SealKey })
	return key
}

// sealKeySize is the size of the key that seals session tokens, in bytes.
const sealKeySize = 32

// sealer is AES-256-GCM under the account's key; a token's associated data is its access key ID.
func sealer(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has 32 bytes, checked at load
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// sessionSecret derives a session's secret access key: 40 characters, as AWS's.
func sessionSecret(key []byte, accessKeyID string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("session secret\x00" + accessKeyID))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil)[:30])
}
