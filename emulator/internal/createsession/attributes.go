package createsession

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/query"
)

// attributeNames are the short names of the usual attribute types (RFC 4519); any other is written as its dotted OID.
var attributeNames = map[string]string{
	"2.5.4.3":                    "CN",
	"2.5.4.4":                    "SN",
	"2.5.4.5":                    "SERIALNUMBER",
	"2.5.4.6":                    "C",
	"2.5.4.7":                    "L",
	"2.5.4.8":                    "ST",
	"2.5.4.9":                    "STREET",
	"2.5.4.10":                   "O",
	"2.5.4.11":                   "OU",
	"2.5.4.12":                   "T",
	"2.5.4.17":                   "PostalCode",
	"2.5.4.42":                   "GIVENNAME",
	"2.5.4.43":                   "INITIALS",
	"2.5.4.44":                   "GENERATION",
	"2.5.4.46":                   "DNQ",
	"2.5.4.65":                   "PSEUDONYM",
	"0.9.2342.19200300.100.1.1":  "UID",
	"0.9.2342.19200300.100.1.25": "DC",
	"1.2.840.113549.1.9.1":       "E",
}

// attributes of one distinguished name: values by short name, in certificate order.
type attributes map[string][]string

func attributesOf(names []pkix.AttributeTypeAndValue) attributes {
	all := make(attributes, len(names))
	for _, n := range names {
		value, ok := n.Value.(string)
		if !ok {
			continue // an attribute that is no string cannot be a tag
		}
		name := n.Type.String()
		if short, known := attributeNames[name]; known {
			name = short
		}
		all[name] = append(all[name], value)
	}
	return all
}

// alternatives are the alternative names, as far as they can be mapped.
type alternatives struct {
	dns, uri []string
	name     attributes // of the first directory name
}

func alternativesOf(c *x509.Certificate) alternatives {
	alt := alternatives{dns: c.DNSNames}
	for _, u := range c.URIs {
		alt.uri = append(alt.uri, u.String())
	}
	alt.name = attributesOf(directoryName(c))
	return alt
}

// directoryName reads the first directoryName of the subject alternative names (RFC 5280 section 4.2.1.6), which
// crypto/x509 passes over.
func directoryName(c *x509.Certificate) []pkix.AttributeTypeAndValue {
	for _, extension := range c.Extensions {
		if !extension.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		names := cryptobyte.String(extension.Value)
		if !names.ReadASN1(&names, cbasn1.SEQUENCE) {
			return nil
		}
		for !names.Empty() {
			var general cryptobyte.String
			var tag cbasn1.Tag
			if !names.ReadAnyASN1(&general, &tag) {
				return nil
			}
			if tag != cbasn1.Tag(4).ContextSpecific().Constructed() {
				continue
			}
			var rdns pkix.RDNSequence
			if _, err := asn1.Unmarshal(general, &rdns); err != nil {
				return nil
			}
			var name pkix.Name
			name.FillFromRDNSequence(&rdns)
			return name.Names
		}
	}
	return nil
}

// mapped holds what the profile's specifiers make of a certificate.
type mapped struct {
	tags   map[string]string
	failed map[string][]string // specifiers that do not make a valid tag, by field
}

func (m *mapped) put(field, specifier, value string) {
	key := field + "/" + specifier
	if query.ValidTag(key, value) {
		m.tags[key] = value
		return
	}
	m.failed[field] = append(m.failed[field], specifier)
}

// putName maps one specifier, or "*", of a distinguished name; prefix is "Name/" within the alternative names.
func (m *mapped) putName(field, prefix, specifier string, names attributes) {
	if specifier == "*" {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			m.put(field, prefix+name, strings.Join(names[name], "/"))
		}
		return
	}
	if values := names[specifier]; len(values) > 0 {
		m.put(field, prefix+specifier, strings.Join(values, "/"))
	}
}

// putAlternative maps a specifier of the alternative names: DNS, URI, DNS/2, Name/*, Name/CN.
func (m *mapped) putAlternative(specifier string, alt alternatives) {
	kind, rest, indexed := strings.Cut(specifier, "/")
	var values []string
	switch kind {
	case "Name":
		if rest == "" {
			rest = "*"
		}
		m.putName("x509SAN", "Name/", rest, alt.name)
		return
	case "DNS":
		values = alt.dns
	case "URI":
		values = alt.uri
	}
	n := 1
	if indexed {
		n, _ = strconv.Atoi(rest) // what is no number selects nothing
	}
	if n >= 1 && n <= len(values) {
		m.put("x509SAN", specifier, values[n-1])
	}
}

// mapAttributes makes the session tags of a certificate (User Guide, "Attribute mapping").
func mapAttributes(c *x509.Certificate, mappings []account.AttributeMapping) mapped {
	m := mapped{tags: map[string]string{}, failed: map[string][]string{}}
	subject, issuer, alternatives := attributesOf(c.Subject.Names), attributesOf(c.Issuer.Names), alternativesOf(c)
	for _, mapping := range mappings {
		for _, specifier := range mapping.Specifiers {
			switch mapping.Field {
			case "x509Subject":
				m.putName(mapping.Field, "", specifier, subject)
			case "x509Issuer":
				m.putName(mapping.Field, "", specifier, issuer)
			case "x509SAN":
				m.putAlternative(specifier, alternatives)
			}
		}
	}
	return m
}

// maxTags is the number of session tags that STS takes.
const maxTags = 50

// checkAttributes fills the assumption: who the session will be and what it carries.
func (a *attempt) checkAttributes() error {
	m := mapAttributes(a.leaf, a.profile.AttributeMappings)
	if len(m.failed) > 0 || len(m.tags) > maxTags {
		list := func(field string) string { return "[ " + strings.Join(m.failed[field], ", ") + " ]" }
		return denied(a.unable()+" Some attributes failed to be mapped into session tags. Issuer: "+list("x509Issuer")+
			"; Subject: "+list("x509Subject")+"; SAN: "+list("x509SAN"),
			`a mapped value is longer than 256 characters or has others than letters, digits, spaces and _.:/=+-@, or there are more than 50`,
			"aws rolesanywhere delete-attribute-mapping --profile-id "+a.profile.ID+", or change the certificate")
	}
	name := a.input.SessionName
	if name == "" {
		name = evenHex(a.leaf)
	}
	a.assumption = Assumption{
		RoleARN:           a.input.RoleARN,
		SessionName:       name,
		SourceIdentity:    sourceIdentity(a.leaf),
		Tags:              m.tags,
		SessionPolicy:     a.profile.SessionPolicy,
		ManagedPolicyARNs: a.profile.ManagedPolicyARNs,
	}
	if s := a.assumption.SourceIdentity; len(s) > 64 || !sessionNameForm.MatchString(s) {
		return denied(a.unable(), fmt.Sprintf("the source identity that the subject %s gives has other characters than letters, digits and _+=,.@-, or more than 64", a.leaf.Subject),
			"have a certificate issued with a simpler common name")
	}
	return nil
}

// sourceIdentity is the common name, or the serial number where there is none (User Guide, "Trust model").
func sourceIdentity(c *x509.Certificate) string {
	switch cn := c.Subject.CommonName; {
	case cn == "":
		return "ID=" + evenHex(c)
	case len(cn) <= 61:
		return "CN=" + cn
	default:
		return cn
	}
}

// evenHex is the serial number in lower-case hexadecimal with an even number of digits.
func evenHex(c *x509.Certificate) string { return hex.EncodeToString(c.SerialNumber.Bytes()) }
