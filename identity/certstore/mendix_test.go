package certstore

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/identity"
	"software.sslmate.com/src/go-pkcs12"
)

// pfx is a certificate as the platform has it.
func pfx(t testing.TB, id *identity.Identity, password string) string {
	t.Helper()
	der, err := pkcs12.Modern2023.WithIterations(1).Encode(id.Key, id.Certificate, id.Chain, password)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// clientCertificates writes the JSON by hand, as the platform's documentation shows it.
func clientCertificates(t testing.TB, pins ...string) string {
	t.Helper()
	var entries []string
	for _, pin := range pins {
		entries = append(entries, fmt.Sprintf(`{"pfx": %q, "password": "secret"%s}`, pfx(t, issue(t, "client"), "secret"), pin))
	}
	return "[" + strings.Join(entries, ", ") + "]"
}

func TestEachCertificateOfMendixGetsItsPin(t *testing.T) {
	for _, test := range []struct {
		name string
		pins []string // the rest of each entry
		want []string // identifier and aliases of each
	}{
		{"a pin that is an identifier", []string{`, "pin_to": ["MY_S3"]`}, []string{"MY_S3"}},
		{"pin in place of pin_to", []string{`, "pin": "MY_S3"`}, []string{"MY_S3"}},
		{"both", []string{`, "pin": "MY_S3", "pin_to": ["my_s3", "Other"]`}, []string{"MY_S3|Other"}},
		{"a host name", []string{`, "pin_to": ["s3.example.com"]`}, []string{"s3.example.com"}},
		{"without pins, positions from 1", []string{"", `, "pin_to": []`, `, "pin_to": null, "pin": null`, `, "pin": ""`}, []string{"1", "2", "3", "4"}},
		{"a pin among them does not move the others", []string{"", `, "pin_to": ["MY_S3"]`, ""}, []string{"1", "MY_S3", "3"}},
		{"a pin with other characters", []string{`, "pin_to": ["MY S3"]`}, []string{"MY-S3|MY S3"}},
		{"the first that is an identifier, and others", []string{`, "pin_to": ["MY S3", "Backup", "größe"]`}, []string{"Backup|MY S3|größe"}},
		{"those of docs/coming-from-mendix.md", []string{`, "pin_to": ["ä b/c", "zweite"]`, `, "pin_to": ["only pin with spaces"]`, `, "pin_to": ["MY_S3", "api.example.com"]`}, []string{"zweite|ä b/c", "only-pin-with-spaces|only pin with spaces", "MY_S3|api.example.com"}},
		{"and its identifier that gives way", []string{`, "pin_to": ["only-pin-with-spaces"]`, `, "pin_to": ["only pin with spaces"]`}, []string{"only-pin-with-spaces", "only-pin-with-spaces-2|only pin with spaces"}},
		{"a pin of which nothing is left", []string{`, "pin_to": ["größe"]`, `, "pin_to": ["日本"]`}, []string{"gr-e|größe", "2|日本"}},
		{"a long pin", []string{`, "pin_to": ["` + strings.Repeat("a", 80) + `"]`}, []string{strings.Repeat("a", 63) + "|" + strings.Repeat("a", 80)}},
		{"pins that differ in what no identifier has", []string{`, "pin_to": ["MY S3"]`, `, "pin_to": ["MY/S3"]`, `, "pin_to": ["MY#S3"]`}, []string{"MY-S3|MY S3", "MY-S3-2|MY/S3", "MY-S3-3|MY#S3"}},
		{"an identifier that is made up gives way to a pin", []string{`, "pin_to": ["MY S3"]`, `, "pin_to": ["MY-S3"]`}, []string{"MY-S3-1|MY S3", "MY-S3"}},
		{"and to a number", []string{`, "pin_to": ["日本"]`, `, "pin_to": ["2"]`}, []string{"1|日本", "2"}},
		{"fields that the platform may add", []string{`, "pin_to": ["MY_S3"], "more": {"of": ["it"]}`}, []string{"MY_S3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			additions, err := ParseClientCertificates(t.Context(), []byte(clientCertificates(t, test.pins...)))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range additions {
				got = append(got, strings.Join(append([]string{a.Identifier}, a.Aliases...), "|"))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			// All of it goes into a store, and is found by every pin.
			s := freshStore(t)
			if err := s.AddAll(t.Context(), additions); err != nil {
				t.Fatal(err)
			}
			for _, a := range additions {
				for _, name := range append(a.Aliases, a.Identifier) {
					checkUsable(t, s, name, a.Identity)
				}
			}
		})
	}
}

func TestClientCertificatesThatAreNoneAreRefusedWithoutAWordOfTheirContent(t *testing.T) {
	const advice = `write [{"pfx": "BASE64", "password": "…", "pin_to": ["IDENTIFIER"]}]`
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", "not a JSON array of objects"},
		{"not JSON", "hunter2", "not JSON at byte 1"},
		{"cut short", `[{"pfx": "hunter2`, "not a JSON array of objects"},
		{"an object", `{"pfx": "hunter2"}`, "not a JSON array of objects"},
		{"an array of texts", `["hunter2"]`, "not a JSON array of objects"},
		{"no entries", `[]`, "there is none in it"},
		{"null", `null`, "there is none in it"},
		{"a number for a file", `[{"pfx": 7}]`, "byte 10: pfx is not of the type that belongs there"},
		{"a text for a list", `[{"pin_to": "hunter2"}]`, "byte 21: pin_to is not of the type that belongs there"},
		{"something behind it", `[{}] hunter2`, "there is something behind the array"},
		{"a bracket behind it", `[{}]]`, "there is something behind the array"},
		{"two arrays", `[{}] [{}]`, "there is something behind the array"},
		{"too many", "[" + strings.Repeat("{},", maxClientCertificateCount) + "{}]", "more than 1000 entries"},
		{"too long", strings.Repeat(" ", maxClientCertificates+1), "more than 8388608 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			additions, err := ParseClientCertificates(t.Context(), []byte(test.text))
			checkError(t, err, ErrClientCertificates, "client certificates: not client certificates as the Mendix platform sets them: "+test.want, advice)
			if additions != nil {
				t.Errorf("got %v", additions)
			}
		})
	}
}

func TestEveryEntryThatIsWrongIsNamedByPositionAndPin(t *testing.T) {
	good, other := pfx(t, issue(t, "client"), "secret"), pfx(t, issue(t, "client"), "hunter2")
	text := `[
		{"pfx": "` + good + `", "password": "secret", "pin_to": ["good", "1 2"]},
		{"pfx": "` + other + `", "password": "secret", "pin_to": ["wrong password"]},
		{"pfx": "` + good + `"},
		{"pfx": "hunter2!", "pin_to": ["no-base64"]},
		{"pin_to": ["no-file"]},
		{"pfx": "` + good + `", "password": "secret", "pin_to": ["GOOD"]},
		{"pfx": "` + good + `", "password": "secret", "pin_to": ["hunter2\u0007"]},
		{"pfx": "` + good + `", "password": "secret", "pin_to": ["9"]},
		{"pfx": "` + good + `", "password": "secret"},
		{"pfx": "aHVudGVyMg==", "pin_to": ["no-pkcs12"]}
	]`
	additions, err := ParseClientCertificates(t.Context(), []byte(text))
	want := strings.Join([]string{
		`entry 2 (pin "wrong password"): identity "wrong-password": wrong password: or the encrypted part is damaged`,
		`entry 3: identity "3": password required: the file is encrypted, or it is damaged`,
		`entry 4 (pin "no-base64"): pfx is not a PKCS#12 file in base64`,
		`entry 5 (pin "no-file"): pfx is not a PKCS#12 file in base64`,
		`entry 6 (pin "GOOD"): entry 1 has the pin "GOOD" too: each certificate needs its own`,
		`entry 7: a pin cannot be used: not an alias: use 1 to 255 printable characters`,
		`entry 9: without a pin it has the identifier 9, and entry 8 has it as a pin: give it its own`,
		`entry 10 (pin "no-pkcs12"): identity "no-pkcs12": unsupported format: neither PEM nor DER nor PKCS#12`,
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if additions != nil || err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, %v", additions, err)
	}
	for _, is := range []error{identity.ErrWrongPassword, identity.ErrPasswordRequired, ErrAlias} {
		if !errors.Is(err, is) {
			t.Errorf("got %v, want %v among it", err, is)
		}
	}
}

// The files in testdata are as platforms write them: see there.
func TestExamplesOfClientCertificatesAreRead(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no examples", err)
	}
	want := map[string]string{
		"cloud-foundry.json": "MY_S3|rekognition.example.com 2",
		"hand-written.json":  "Backup-Client MY-S3|MY S3|MY S3 (test)",
	}
	for _, path := range paths {
		additions, err := ParseClientCertificates(t.Context(), read(t, path))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		var got []string
		for _, a := range additions {
			got = append(got, strings.Join(append([]string{a.Identifier}, a.Aliases...), "|"))
		}
		if text := strings.Join(got, " "); text != want[filepath.Base(path)] {
			t.Errorf("%s: got %q, want %q", path, text, want[filepath.Base(path)])
		}
		delete(want, filepath.Base(path))
	}
	if len(want) != 0 {
		t.Errorf("there are no %q", slices.Collect(maps.Keys(want)))
	}
}

// TestMain's program does not write them: AWSAUTH_WRITE_TESTDATA=1 go test -run WriteExamples ./identity/certstore.
func TestWriteExamples(t *testing.T) {
	if os.Getenv("AWSAUTH_WRITE_TESTDATA") == "" {
		t.Skip("it writes testdata anew; AWSAUTH_WRITE_TESTDATA=1 does")
	}
	entry := func(password, pins string) string {
		return fmt.Sprintf(`{"pfx": "%s", "password": "%s"%s}`, pfx(t, issue(t, "throw-away"), password), password, pins)
	}
	write(t, "testdata/cloud-foundry.json", []byte("["+entry("throw-away", `, "pin_to": ["MY_S3", "rekognition.example.com"]`)+", "+entry("", "")+"]"))
	write(t, "testdata/hand-written.json", []byte("[\n  "+entry("throw-away", `, "pin": "Backup-Client"`)+",\n  "+entry("throw-away", `, "pin_to": ["MY S3", "MY S3 (test)"]`)+"\n]\n"))
}
