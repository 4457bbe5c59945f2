package management

import (
	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// subjects are made by CreateSession; no operation makes, changes or deletes one.
var subjects = collection[account.Subject]{
	kind:     "subject",
	idMember: "subjectId",
	entries:  func(s *account.State) map[string]*account.Subject { return s.Subjects },
	fields: func(s *account.Subject) fields {
		return fields{s.ID, s.CreatedAt, &s.UpdatedAt, &s.Enabled, &s.Tags}
	},
	copy:   shallow[account.Subject],
	answer: func(s *account.Subject) any { return map[string]any{"subject": detailSubject(s)} },
}

// subjectSummary is the model's SubjectSummary.
type subjectSummary struct {
	ARN         string    `json:"subjectArn"`
	ID          string    `json:"subjectId"`
	Enabled     bool      `json:"enabled"`
	X509Subject string    `json:"x509Subject"`
	LastSeenAt  wire.Time `json:"lastSeenAt"`
	CreatedAt   wire.Time `json:"createdAt"`
	UpdatedAt   wire.Time `json:"updatedAt"`
}

// subjectDetail is the model's SubjectDetail.
type subjectDetail struct {
	subjectSummary
	Credentials        []credentialSummary `json:"credentials"`
	InstanceProperties []instanceProperty  `json:"instanceProperties"`
}

// credentialSummary is the model's CredentialSummary.
type credentialSummary struct {
	SeenAt              wire.Time `json:"seenAt"`
	SerialNumber        string    `json:"serialNumber"`
	Issuer              string    `json:"issuer"`
	Enabled             bool      `json:"enabled"`
	X509CertificateData string    `json:"x509CertificateData"`
	Failed              bool      `json:"failed"`
}

// instanceProperty is the model's InstanceProperty.
type instanceProperty struct {
	SeenAt     wire.Time         `json:"seenAt"`
	Properties map[string]string `json:"properties"`
	Failed     bool              `json:"failed"`
}

func summarizeSubject(s *account.Subject) subjectSummary {
	return subjectSummary{
		ARN:         s.ARN,
		ID:          s.ID,
		Enabled:     s.Enabled,
		X509Subject: s.X509Subject,
		LastSeenAt:  wire.Time(s.LastSeenAt),
		CreatedAt:   wire.Time(s.CreatedAt),
		UpdatedAt:   wire.Time(s.UpdatedAt),
	}
}

func detailSubject(s *account.Subject) subjectDetail {
	d := subjectDetail{
		subjectSummary:     summarizeSubject(s),
		Credentials:        make([]credentialSummary, len(s.Credentials)),
		InstanceProperties: make([]instanceProperty, len(s.InstanceProperties)),
	}
	for i, c := range s.Credentials {
		d.Credentials[i] = credentialSummary{
			SeenAt:              wire.Time(c.SeenAt),
			SerialNumber:        c.SerialNumber,
			Issuer:              c.Issuer,
			Enabled:             c.Enabled,
			X509CertificateData: c.Certificate,
			Failed:              c.Failed,
		}
	}
	for i, p := range s.InstanceProperties {
		properties := p.Properties
		if properties == nil {
			properties = map[string]string{}
		}
		d.InstanceProperties[i] = instanceProperty{wire.Time(p.SeenAt), properties, p.Failed}
	}
	return d
}

func listSubjects(r *request) (any, error) {
	items, next, err := subjects.list(r)
	if err != nil {
		return nil, err
	}
	return page("subjects", items, summarizeSubject, next), nil
}
