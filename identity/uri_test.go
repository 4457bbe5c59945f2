package identity

import (
	"errors"
	"strings"
	"testing"
)

func TestOpenReadsFileURIs(t *testing.T) {
	for _, test := range []struct {
		name, uri string
		want      File
	}{
		{"a relative path", "file:client.p12", File{Certificate: "client.p12"}},
		{"an absolute path", "file:/etc/pki/client.p12", File{Certificate: "/etc/pki/client.p12"}},
		{"an empty host", "file:///etc/pki/client.p12", File{Certificate: "/etc/pki/client.p12"}},
		{"this host", "file://localhost/etc/pki/client.p12", File{Certificate: "/etc/pki/client.p12"}},
		{"a scheme in capitals", "FILE:client.p12", File{Certificate: "client.p12"}},
		{"a key and a chain", "file:leaf.pem?key=leaf.key&chain=int.pem", File{Certificate: "leaf.pem", PrivateKey: "leaf.key", Chain: "int.pem"}},
		{"parameters in the other order", "file:leaf.pem?chain=int.pem&key=/k/leaf.key", File{Certificate: "leaf.pem", PrivateKey: "/k/leaf.key", Chain: "int.pem"}},
		{"percent signs", "file:my%20certs/a%3Fb%25.pem?key=k%26r.key", File{Certificate: "my certs/a?b%.pem", PrivateKey: "k&r.key"}},
		{"a plus sign is itself", "file:a+b.pem?key=c+d.key", File{Certificate: "a+b.pem", PrivateKey: "c+d.key"}},
		{"an equals sign in a value", "file:a.pem?key=x=y", File{Certificate: "a.pem", PrivateKey: "x=y"}},
		{"a drive of Windows", "file:C:/pki/client.p12", File{Certificate: "C:/pki/client.p12"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			source, err := Open(test.uri, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := source.(File)
			if !ok || got.Certificate != test.want.Certificate || got.PrivateKey != test.want.PrivateKey || got.Chain != test.want.Chain {
				t.Errorf("got %+v, want %+v", source, test.want)
			}
		})
	}
}

func TestOpenRefusesWhatItDoesNotKnowWithoutRepeatingIt(t *testing.T) {
	for _, test := range []struct {
		name, uri string
		want      error
		says      string
	}{
		{"an identifier", "hunter2", ErrNoStore, "file:client.p12"},
		{"nothing", "", ErrNoStore, "file:client.p12"},
		{"a path", "/etc/pki/hunter2.pem", ErrNoStore, "file:client.p12"},
		{"another scheme", "pkcs11:object=hunter2", ErrUnsupported, "file:client.p12"},
		{"a path of Windows", `C:\hunter2.pem`, ErrUnsupported, "file:client.p12"},
		{"a password", "file:client.p12?password=hunter2", ErrURI, "a password is never one"},
		{"an unknown parameter", "file:client.p12?hunter2", ErrURI, "key and chain"},
		{"an empty query", "file:client.p12?", ErrURI, "key and chain"},
		{"a parameter twice", "file:a.pem?key=b&key=hunter2", ErrURI, "each once"},
		{"a parameter without a value", "file:a.pem?key=", ErrURI, "missing"},
		{"no path", "file:", ErrURI, "missing"},
		{"another host", "file://hunter2/etc/client.pem", ErrURI, "third slash"},
		{"a relative path after two slashes", "file://hunter2.pem", ErrURI, "third slash"},
		{"half an escape", "file:hunter2%2", ErrURI, "%25"},
		{"half an escape in a value", "file:a.pem?key=hunter2%zz", ErrURI, "%25"},
		{"a NUL", "file:hunter2%00", ErrURI, "NUL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Open(test.uri, nil)
			checkError(t, err, test.want, test.says)
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q repeats its input", err)
			}
			for _, other := range everySentinel {
				if other != test.want && errors.Is(err, other) {
					t.Errorf("%v is also %v", err, other)
				}
			}
		})
	}
}
