package iam

import (
	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// maxAccessKeys is the quota of access keys of a user.
const maxAccessKeys = 2

// accessKey is an access key as answers hold it; the secret is in CreateAccessKey's only.
type accessKey struct {
	UserName        string
	AccessKeyID     string `xml:"AccessKeyId"`
	Status          string
	SecretAccessKey string `xml:",omitempty"`
	CreateDate      wire.Seconds
}

func newAccessKey(k *account.AccessKey) accessKey {
	status := "Inactive"
	if k.Active {
		status = "Active"
	}
	return accessKey{UserName: k.UserName, AccessKeyID: k.ID, Status: status, CreateDate: wire.Seconds(k.CreatedAt)}
}

type accessKeyAnswer struct{ AccessKey accessKey }

func createAccessKey(r *request) (any, error) {
	name, err := r.permitUser()
	if err != nil {
		return nil, err
	}
	k := &account.AccessKey{
		ID: account.NewAccessKeyID(account.PrefixAccessKey), Secret: account.NewSecretAccessKey(),
		UserName: name, Active: true, CreatedAt: r.now,
	}
	err = r.account.Write(func(s *account.State) error {
		if s.Users[name] == nil {
			return users.missing(name)
		}
		if len(s.KeysOf(name)) >= maxAccessKeys {
			return quotaExceeded("AccessKeysPerUser", maxAccessKeys)
		}
		s.AccessKeys[k.ID] = k
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer := newAccessKey(k)
	answer.SecretAccessKey = k.Secret
	return accessKeyAnswer{answer}, nil
}

func updateAccessKey(r *request) (any, error) {
	status := r.String("Status", keyStatus)
	return nil, r.changeKey(func(s *account.State, k *account.AccessKey) {
		changed := *k
		changed.Active = status == "Active"
		s.AccessKeys[k.ID] = &changed
	})
}

func deleteAccessKey(r *request) (any, error) {
	return nil, r.changeKey(func(s *account.State, k *account.AccessKey) { delete(s.AccessKeys, k.ID) })
}

// changeKey lets f change the access key that the request names.
func (r *request) changeKey(f func(*account.State, *account.AccessKey)) error {
	id := r.String("AccessKeyId", accessKeyID)
	name, err := r.permitUser()
	if err != nil {
		return err
	}
	return r.account.Write(func(s *account.State) error {
		if s.Users[name] == nil {
			return users.missing(name)
		}
		k := s.AccessKeys[id]
		if k == nil || k.UserName != name {
			return noSuchEntity("The Access Key with id " + id + " cannot be found.")
		}
		f(s, k)
		return nil
	})
}

type accessKeyList struct {
	AccessKeyMetadata []accessKey `xml:"AccessKeyMetadata>member"`
	page
}

func listAccessKeys(r *request) (any, error) {
	w := r.window()
	name, err := r.permitUser()
	if err != nil {
		return nil, err
	}
	found := false
	var keys []accessKey
	r.account.Read(func(s *account.State) {
		found = s.Users[name] != nil
		for _, k := range s.KeysOf(name) {
			keys = append(keys, newAccessKey(k))
		}
	})
	if !found {
		return nil, users.missing(name)
	}
	keys, p := cut(w, keys, func(k accessKey) string { return k.AccessKeyID })
	return accessKeyList{keys, p}, nil
}

type lastUsedAnswer struct {
	UserName          string
	AccessKeyLastUsed lastUsed
}

// lastUsed has no date and N/A for the rest when the key was never used.
type lastUsed struct {
	LastUsedDate *wire.Seconds
	ServiceName  string
	Region       string
}

func getAccessKeyLastUsed(r *request) (any, error) {
	id := r.String("AccessKeyId", accessKeyID)
	if err := r.Err(); err != nil {
		return nil, err
	}
	var k *account.AccessKey
	r.account.Read(func(s *account.State) { k = s.AccessKeys[id] })
	if k == nil {
		return nil, &wire.Refusal{
			Status: 403, Code: "AccessDenied",
			Message: "User: " + r.call.Caller.ARN + " is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key " + id,
			Reason:  "there is no such access key in account " + r.account.ID,
		}
	}
	if err := users.authorize(r, k.UserName, nil); err != nil {
		return nil, err
	}
	answer := lastUsedAnswer{k.UserName, lastUsed{ServiceName: "N/A", Region: "N/A"}}
	if u := k.LastUsed; u != nil {
		at := wire.Seconds(u.At)
		answer.AccessKeyLastUsed = lastUsed{&at, u.Service, u.Region}
	}
	return answer, nil
}
