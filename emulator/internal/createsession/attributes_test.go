package createsession

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"maps"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

// name makes a distinguished name of attributes in certificate order, such as "CN=a", "2.5.4.99=b".
func name(attributes ...string) (rdns pkix.RDNSequence) {
	for _, a := range attributes {
		kind, value, _ := strings.Cut(a, "=")
		rdns = append(rdns, pkix.RelativeDistinguishedNameSET{{Type: oid(kind), Value: value}})
	}
	return rdns
}

func oid(kind string) (id asn1.ObjectIdentifier) {
	for dotted, short := range attributeNames {
		if short == kind {
			kind = dotted
		}
	}
	for arc := range strings.SplitSeq(kind, ".") {
		n, ok := new(big.Int).SetString(arc, 10)
		if !ok {
			panic("no attribute type " + kind)
		}
		id = append(id, int(n.Int64()))
	}
	return id
}

// general is a GeneralName with a context-specific tag (RFC 5280 section 4.2.1.6).
func general(tag int, content []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: tag == 4 || tag == 0, Bytes: content}
}

func directory(t testing.TB, attributes ...string) asn1.RawValue {
	return general(4, encode(t, name(attributes...)))
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// certificate makes a certificate of raw names.
func certificate(t testing.TB, subject, issuer pkix.RDNSequence, alternatives ...asn1.RawValue) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), RawSubject: encode(t, subject), NotAfter: time.Now().Add(time.Hour)}
	if alternatives != nil {
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: encode(t, alternatives)}}
	}
	parent := &x509.Certificate{RawSubject: encode(t, issuer)}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func dns(name string) asn1.RawValue { return general(2, []byte(name)) }
func uri(text string) asn1.RawValue { return general(6, []byte(text)) }

func TestAttributesBecomeTags(t *testing.T) {
	subject, issuer, san := "x509Subject", "x509Issuer", "x509SAN"
	long := strings.Repeat("a", 256)
	for _, test := range []struct {
		name       string
		field      string
		attributes []string        // of subject or issuer
		names      []asn1.RawValue // of the alternative names
		specifiers string          // separated by blanks
		want       string          // tags without their field, sorted, and the specifiers that failed with "!"
	}{
		{"a common name", subject, []string{"CN=a"}, nil, "CN", "CN=a"},
		{"only what is asked for", subject, []string{"CN=a", "O=b"}, nil, "O", "O=b"},
		{"all of a subject", subject, []string{"C=DE", "O=b", "OU=c", "CN=a"}, nil, "*", "C=DE CN=a O=b OU=c"},
		{"all and one is all", subject, []string{"CN=a", "O=b"}, nil, "* CN", "CN=a O=b"},
		{"what is not there", subject, []string{"CN=a"}, nil, "O", ""},
		{"an empty subject", subject, nil, nil, "* CN", ""},
		{"units joined in certificate order", subject, []string{"OU=Security", "OU=Engineering", "OU=Research"}, nil, "OU", "OU=Security/Engineering/Research"},
		{"two common names joined", subject, []string{"CN=a", "O=x", "CN=b"}, nil, "*", "CN=a/b O=x"},
		{"the issuer", issuer, []string{"CN=ca", "O=b"}, nil, "*", "CN=ca O=b"},
		{"one of the issuer", issuer, []string{"CN=ca", "O=b"}, nil, "CN", "CN=ca"},
		{"a locality", subject, []string{"L=Bonn"}, nil, "*", "L=Bonn"},
		{"a state", subject, []string{"ST=NRW"}, nil, "*", "ST=NRW"},
		{"a street", subject, []string{"STREET=Rheinweg"}, nil, "*", "STREET=Rheinweg"},
		{"a postal code", subject, []string{"PostalCode=53113"}, nil, "*", "PostalCode=53113"},
		{"a serial number", subject, []string{"SERIALNUMBER=42"}, nil, "*", "SERIALNUMBER=42"},
		{"a surname and a given name", subject, []string{"SN=Hopper", "GIVENNAME=Grace"}, nil, "*", "GIVENNAME=Grace SN=Hopper"},
		{"a title", subject, []string{"T=Dr"}, nil, "*", "T=Dr"},
		{"a pseudonym", subject, []string{"PSEUDONYM=x"}, nil, "*", "PSEUDONYM=x"},
		{"a user ID", subject, []string{"UID=x"}, nil, "*", "UID=x"},
		{"domain components joined", subject, []string{"DC=com", "DC=example"}, nil, "*", "DC=com/example"},
		{"an e-mail address", subject, []string{"E=a@b.example"}, nil, "*", "E=a@b.example"},
		{"an attribute without a short name", subject, []string{"2.5.4.97=x"}, nil, "*", "2.5.4.97=x"},
		{"an attribute asked for by its OID", subject, []string{"1.3.6.1.4.1.99999.1=x"}, nil, "1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.1=x"},
		{"a short name does not go by its OID too", subject, []string{"CN=a"}, nil, "2.5.4.3", ""},
		{"letters of all languages", subject, []string{"O=Müller und Söhne"}, nil, "O", "O=Müller und Söhne"},
		{"all characters that tags have", subject, []string{"O=a b_c.d:e/f=g+h-i@j"}, nil, "O", "O=a b_c.d:e/f=g+h-i@j"},
		{"256 characters", subject, []string{"O=" + long}, nil, "O", "O=" + long},
		{"257 characters fail", subject, []string{"O=a" + long}, nil, "O", "!O"},
		{"a comma fails", subject, []string{"O=Acme, Inc."}, nil, "O", "!O"},
		{"parentheses fail, and nothing else", subject, []string{"CN=a(b)", "O=c"}, nil, "*", "O=c !CN"},
		{"a joined value that is too long fails", subject, []string{"OU=" + long, "OU=b"}, nil, "OU", "!OU"},
		{"what fails does not matter when it is not asked for", subject, []string{"CN=a(b)", "O=c"}, nil, "O", "O=c"},

		{"the first DNS name", san, nil, []asn1.RawValue{dns("a.example"), dns("b.example")}, "DNS", "DNS=a.example"},
		{"the first DNS name by its number", san, nil, []asn1.RawValue{dns("a.example"), dns("b.example")}, "DNS/1", "DNS/1=a.example"},
		{"the second DNS name", san, nil, []asn1.RawValue{dns("a.example"), dns("b.example")}, "DNS/2", "DNS/2=b.example"},
		{"a third DNS name that is not there", san, nil, []asn1.RawValue{dns("a.example")}, "DNS/3", ""},
		{"no DNS name has the number 0", san, nil, []asn1.RawValue{dns("a.example")}, "DNS/0", ""},
		{"numbers are numbers", san, nil, []asn1.RawValue{dns("a.example")}, "DNS/a DNS/", ""},
		{"a DNS name with a wildcard fails", san, nil, []asn1.RawValue{dns("*.example")}, "DNS", "!DNS"},
		{"the first URI", san, nil, []asn1.RawValue{uri("spiffe://example/a"), uri("spiffe://example/b")}, "URI", "URI=spiffe://example/a"},
		{"the second URI", san, nil, []asn1.RawValue{uri("spiffe://example/a"), uri("spiffe://example/b")}, "URI/2", "URI/2=spiffe://example/b"},
		{"a URN", san, nil, []asn1.RawValue{uri("urn:uuid:0f2a")}, "URI", "URI=urn:uuid:0f2a"},
		{"a DNS name is no URI", san, nil, []asn1.RawValue{dns("a.example")}, "URI", ""},
		{"no alternative names", san, nil, nil, "DNS URI Name/*", ""},
		{"the names of a directory", san, nil, []asn1.RawValue{directory(t, "O=b", "CN=a")}, "Name/*", "Name/CN=a Name/O=b"},
		{"Name alone is all of them", san, nil, []asn1.RawValue{directory(t, "CN=a")}, "Name", "Name/CN=a"},
		{"Name with a slash is all of them", san, nil, []asn1.RawValue{directory(t, "CN=a")}, "Name/", "Name/CN=a"},
		{"one of a directory name", san, nil, []asn1.RawValue{directory(t, "O=b", "CN=a")}, "Name/CN", "Name/CN=a"},
		{"units of a directory name joined", san, nil, []asn1.RawValue{directory(t, "OU=a", "OU=b")}, "Name/OU", "Name/OU=a/b"},
		{"an OID of a directory name", san, nil, []asn1.RawValue{directory(t, "2.5.4.97=x")}, "Name/2.5.4.97", "Name/2.5.4.97=x"},
		{"the first directory name of two", san, nil, []asn1.RawValue{directory(t, "CN=a"), directory(t, "CN=b")}, "Name/*", "Name/CN=a"},
		{"a directory name behind others", san, nil, []asn1.RawValue{dns("a.example"), general(1, []byte("a@b.example")), directory(t, "CN=a")}, "Name/CN DNS", "DNS=a.example Name/CN=a"},
		{"a directory name that fails", san, nil, []asn1.RawValue{directory(t, "CN=a(b)")}, "Name/*", "!Name/CN"},
		{"a directory name that is damaged", san, nil, []asn1.RawValue{dns("a.example"), general(4, []byte{0x30, 0x03, 1, 2, 3})}, "Name/* DNS", "DNS=a.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			names := map[string]pkix.RDNSequence{test.field: name(test.attributes...)}
			c := certificate(t, names[subject], names[issuer], test.names...)
			m := mapAttributes(c, []account.AttributeMapping{{Field: test.field, Specifiers: strings.Fields(test.specifiers)}})
			var got []string
			for _, key := range slices.Sorted(maps.Keys(m.tags)) {
				specifier, found := strings.CutPrefix(key, test.field+"/")
				if !found {
					t.Errorf("got tag %s, want one of %s", key, test.field)
				}
				got = append(got, specifier+"="+m.tags[key])
			}
			for _, specifier := range m.failed[test.field] {
				got = append(got, "!"+specifier)
			}
			if joined := strings.Join(got, " "); joined != test.want {
				t.Errorf("got %q, want %q", joined, test.want)
			}
		})
	}
}

func TestTheDefaultMappings(t *testing.T) {
	c := certificate(t, name("O=Acme", "CN=client"), name("CN=ca"), dns("a.example"), dns("b.example"), uri("spiffe://example/a"), directory(t, "CN=n"))
	got := mapAttributes(c, account.DefaultAttributeMappings())
	want := map[string]string{
		"x509Subject/CN": "client", "x509Subject/O": "Acme", "x509Issuer/CN": "ca",
		"x509SAN/DNS": "a.example", "x509SAN/URI": "spiffe://example/a", "x509SAN/Name/CN": "n",
	}
	if !maps.Equal(got.tags, want) || len(got.failed) > 0 {
		t.Errorf("got %v, %v, want %v", got.tags, got.failed, want)
	}
}

func TestAttributesThatAreNoTextAreLeftOut(t *testing.T) {
	mixed := general(4, encode(t, pkix.RDNSequence{
		{{Type: oid("CN"), Value: "a"}},
		{{Type: asn1.ObjectIdentifier{1, 2, 3}, Value: 7}},
	}))
	c := certificate(t, name("CN=client"), name("CN=ca"), dns("a.example"), mixed)
	got := mapAttributes(c, []account.AttributeMapping{{Field: "x509SAN", Specifiers: []string{"Name/*"}}})
	if want := map[string]string{"x509SAN/Name/CN": "a"}; !maps.Equal(got.tags, want) || len(got.failed) > 0 {
		t.Errorf("got %v, %v, want %v", got.tags, got.failed, want)
	}
}

// FuzzDirectoryName reads the extension that crypto/x509 passes over.
func FuzzDirectoryName(f *testing.F) {
	f.Add(encode(f, []asn1.RawValue{directory(f, "CN=a", "OU=b", "OU=c")}))
	f.Add(encode(f, []asn1.RawValue{dns("a.example"), uri("spiffe://a"), directory(f, "2.5.4.97=x")}))
	f.Add([]byte{0x30, 0x80, 0xa4})
	f.Fuzz(func(t *testing.T, extension []byte) {
		c := &x509.Certificate{
			DNSNames:   []string{"a.example"},
			URIs:       []*url.URL{{Scheme: "spiffe", Host: "a"}},
			Extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: extension}},
		}
		m := mapAttributes(c, account.DefaultAttributeMappings())
		for key, value := range m.tags {
			if len(key) > 4*128 || len(value) > 4*256 || strings.ContainsAny(value, "\x00\n") {
				t.Errorf("got the tag %q = %q", key, value)
			}
		}
	})
}
