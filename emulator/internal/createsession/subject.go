package createsession

import (
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

// maxSeen bounds how many certificates, and how many sets of instance properties, a subject remembers.
const maxSeen = 50

// remember notes that a subject asked, and answers the subject's ARN. Who has not signed with the certificate's key is
// nobody, and leaves no trace: certificates are public.
func (a *attempt) remember(failed bool) (arn string) {
	if !a.signed {
		return ""
	}
	subject := nameOf(a.leaf.RawSubject)
	id := subjectID(subject)
	now := a.now.UTC()
	a.Account.Touch(func(s *account.State) {
		old := s.Subjects[id]
		if old == nil {
			old = &account.Subject{
				ID: id, ARN: a.Account.ARN("rolesanywhere", "subject/"+id), X509Subject: subject, Enabled: true, CreatedAt: now,
			}
		}
		changed := *old
		changed.UpdatedAt, changed.LastSeenAt = now, now
		changed.Credentials = a.seen(old.Credentials, failed)
		changed.InstanceProperties = a.properties(old.InstanceProperties, failed)
		s.Subjects[id] = &changed
		arn = changed.ARN
	})
	return arn
}

// nameOf writes a name in DER as RFC 2253 has it, with every attribute: two subjects that differ do not become one.
func nameOf(der []byte) string {
	var name pkix.RDNSequence
	if _, err := asn1.Unmarshal(der, &name); err != nil {
		return fmt.Sprintf("#%x", der) // RFC 2253 section 2.4: what has no other form
	}
	return name.String()
}

// subjectID is the same for the same name, so that a subject is found without a search.
func subjectID(subject string) string {
	h := sha256.Sum256([]byte("subject\x00" + subject))
	h[6] = h[6]&0x0f | 0x80 // RFC 9562, version 8
	h[8] = h[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

func (a *attempt) seen(old []account.SeenCertificate, failed bool) []account.SeenCertificate {
	serial, issuer := a.leaf.SerialNumber.String(), nameOf(a.leaf.RawIssuer)
	kept := slices.Clone(old)
	i := slices.IndexFunc(kept, func(c account.SeenCertificate) bool { return c.SerialNumber == serial && c.Issuer == issuer })
	var c account.SeenCertificate
	if i >= 0 {
		c = kept[i]
		kept = slices.Delete(kept, i, i+1)
	} else {
		c = account.SeenCertificate{
			SerialNumber: serial,
			Issuer:       issuer,
			Certificate:  string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.leaf.Raw})),
			Enabled:      true,
		}
	}
	c.SeenAt, c.Failed = a.now.UTC(), failed
	return newest(append(kept, c))
}

func (a *attempt) properties(old []account.InstanceProperties, failed bool) []account.InstanceProperties {
	given := a.input.InstanceProperties
	if len(given) == 0 {
		return old
	}
	kept := slices.DeleteFunc(slices.Clone(old), func(p account.InstanceProperties) bool {
		return maps.Equal(p.Properties, given)
	})
	return newest(append(kept, account.InstanceProperties{Properties: given, SeenAt: a.now.UTC(), Failed: failed}))
}

// newest drops the longest unseen of a list that has grown too long.
func newest[T any](all []T) []T {
	if len(all) > maxSeen {
		return all[len(all)-maxSeen:]
	}
	return all
}
