package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// pieceSize is how many bytes in a row of a secret, or of a form of it, are a leak.
const pieceSize = 16

type piece [pieceSize]byte

// origin says of which secret a piece is, and in which form. It has no pointers, so that collecting garbage passes over the
// many pieces.
type origin struct{ secret, form uint16 }

// scanner finds secrets in whatever a program leaves behind: whole or a piece of one, as they are or in another form. Its
// zero value knows no secret.
type scanner struct {
	mu     sync.Mutex // guards all below
	pieces map[piece]origin
	filter []uint64 // a bit for the beginning of each piece: most places of a text need no look-up
	known  []string // names of secrets
	ways   []string // names of forms
}

const (
	filterBits = 22
	plainForm  = "as it is"
)

func filterPlace(b []byte) (word int, bit uint64) {
	h := binary.LittleEndian.Uint64(b) * 0x9e3779b97f4a7c15 >> (64 - filterBits)
	return int(h / 64), 1 << (h % 64)
}

// add makes a secret known. A name may have several values.
func (s *scanner) add(name string, value []byte) {
	if len(value) < 2*pieceSize {
		panic("the " + name + " is too short to be told from other text")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pieces == nil {
		s.pieces, s.filter = map[piece]origin{}, make([]uint64, 1<<filterBits/64)
	}
	here := origin{secret: numberIn(&s.known, name)}
	for form, text := range formsOf(value) {
		here.form = numberIn(&s.ways, form)
		for i := 0; i+pieceSize <= len(text); i++ {
			p := piece([]byte(text[i : i+pieceSize]))
			// The plain form is told in place of those that are like it here.
			if old, ok := s.pieces[p]; ok && (old.secret != here.secret || s.ways[old.form] == plainForm) {
				continue
			}
			s.pieces[p] = here
			word, bit := filterPlace(p[:])
			s.filter[word] |= bit
		}
	}
}

// numberIn is where a list has a name, which is put there when it is new.
func numberIn(list *[]string, name string) uint16 {
	i := slices.Index(*list, name)
	if i < 0 {
		i = len(*list)
		*list = append(*list, name)
	}
	return uint16(i)
}

// find answers the secrets that a text has, each with a form in which it is there.
func (s *scanner) find(text []byte) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]string{}
	for i := 0; i+pieceSize <= len(text) && s.pieces != nil; i++ {
		word, bit := filterPlace(text[i:])
		if s.filter[word]&bit == 0 {
			continue
		}
		if o, ok := s.pieces[piece(text[i:i+pieceSize])]; ok && found[s.known[o.secret]] == "" {
			found[s.known[o.secret]] = s.ways[o.form]
		}
	}
	return found
}

// secrets are the names of those that a text has.
func (s *scanner) secrets(text string) []string {
	return slices.Sorted(maps.Keys(s.find([]byte(text))))
}

// formsOf are the forms in which a value may be written, without what its neighbours would change.
func formsOf(value []byte) map[string]string {
	lower := hex.EncodeToString(value)
	forms := map[string]string{
		plainForm:                  string(value),
		"hex":                      lower,
		"hex in capitals":          strings.ToUpper(lower),
		"hex with colons":          strings.Join(pairsOf(lower), ":"),
		"hex in capitals, colons":  strings.ToUpper(strings.Join(pairsOf(lower), ":")),
		"hex with spaces":          fmt.Sprintf("% x", value),
		"bytes of Go":              strings.Trim(fmt.Sprint(value), "[]"),
		"bytes of JSON":            strings.ReplaceAll(strings.Trim(fmt.Sprint(value), "[]"), " ", ","),
		"every byte percent":       "%" + strings.Join(pairsOf(strings.ToUpper(lower)), "%"),
		"every byte percent lower": "%" + strings.Join(pairsOf(lower), "%"),
	}
	for shift := range 3 {
		padded := append(make([]byte, shift), value...)
		first, last := (shift*8+5)/6, len(padded)*8/6
		forms[fmt.Sprintf("base64 after %d", shift)] = base64.RawStdEncoding.EncodeToString(padded)[first:last]
		forms[fmt.Sprintf("base64 of URLs after %d", shift)] = base64.RawURLEncoding.EncodeToString(padded)[first:last]
	}
	if !utf8.Valid(value) {
		return forms // no program writes it as text
	}
	text := string(value)
	forms["a query's"], forms["a path's"] = url.QueryEscape(text), url.PathEscape(text)
	forms["a query's, lower"], forms["a path's, lower"] = lowerEscapes(forms["a query's"]), lowerEscapes(forms["a path's"])
	forms["JSON"], forms["JSON with <>&"] = jsonText(text, true), jsonText(text, false)
	forms["JSON, every \\u"], forms["JSON, every \\u in capitals"] = unicodeEscapes(text, "\\u%04x"), unicodeEscapes(text, "\\u%04X")
	forms["a string of Go"] = strings.Trim(strconv.QuoteToASCII(text), `"`)
	var escaped bytes.Buffer
	if err := xml.EscapeText(&escaped, value); err == nil {
		forms["XML"] = escaped.String()
	}
	return forms
}

// pairsOf are the digits of each byte.
func pairsOf(digits string) (pairs []string) {
	for pair := range slices.Chunk([]byte(digits), 2) {
		pairs = append(pairs, string(pair))
	}
	return pairs
}

var escapeForm = regexp.MustCompile(`%[0-9A-F]{2}`)

func lowerEscapes(text string) string { return escapeForm.ReplaceAllStringFunc(text, strings.ToLower) }

func jsonText(text string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if err := e.Encode(text); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(b.String()), `"`), `"`)
}

func unicodeEscapes(text, form string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		fmt.Fprintf(&b, form, unit)
	}
	return b.String()
}

// Canaries of the tests that run in this process.
const (
	canaryKey      = "wJalr/XUtnFEMI+K7MDENGbPxRfiCYCANARYKEY1"
	canaryToken    = "IQoJb3JpZ2luX2VjBirdOfTheToken+/abcdefghijklmnop=="
	canaryPassword = `correct "horse" <Bird> & battery\staple, 100% ünïcode/+?`
)

func TestTheScannerFindsPlantedLeaks(t *testing.T) {
	s := &scanner{}
	s.add("key", []byte(canaryKey))
	s.add("password", []byte(canaryPassword))
	key, password := []byte(canaryKey), []byte(canaryPassword)
	std, urls := base64.StdEncoding.EncodeToString, base64.URLEncoding.EncodeToString
	quoted := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	leaks := []struct{ name, text, secret string }{
		{"as it is", canaryKey, "key"},
		{"as it is, with quotes and spaces", canaryPassword, "password"},
		{"the first 16 bytes", canaryKey[:16] + "…", "key"},
		{"the last 16 bytes", "…" + canaryKey[len(canaryKey)-16:], "key"},
		{"16 bytes of the middle", "…" + canaryKey[9:25] + "…", "key"},
		{"in hex", hex.EncodeToString(key), "key"},
		{"in hex, capitals", fmt.Sprintf("%X", key), "key"},
		{"a piece in hex", hex.EncodeToString(password[8:24]), "password"},
		{"in hex with colons, as fingerprints", strings.ToUpper(strings.Join(pairsOf(hex.EncodeToString(key)), ":")), "key"},
		{"in hex with spaces", fmt.Sprintf("% x", password), "password"},
		{"as bytes that Go prints", fmt.Sprint(key), "key"},
		{"in base64", std(key), "key"},
		{"in base64, after one byte", std([]byte(":" + canaryKey + ":")), "key"},
		{"in base64, after two", std([]byte("me" + canaryPassword)), "password"},
		{"in base64 of URLs", urls(password), "password"},
		{"in base64, broken in lines", std([]byte("user:" + canaryKey))[:30] + "\n", "key"},
		{"a piece in base64", std(key[11:27]), "key"},
		{"in a query", "?p=" + url.QueryEscape(canaryPassword), "password"},
		{"in a path, as some write it", "/" + lowerEscapes(url.PathEscape(canaryPassword)), "password"},
		{"in percents alone", "%" + strings.Join(pairsOf(hex.EncodeToString(key)), "%"), "key"},
		{"in JSON", quoted(map[string]string{"p": canaryPassword}), "password"},
		{"in JSON, letter by letter", `"` + unicodeEscapes(canaryKey, "\\u%04x") + `"`, "key"},
		{"as bytes in JSON", quoted(struct{ P []byte }{password}), "password"},
		{"quoted by Go", fmt.Sprintf("invalid argument %+q", canaryPassword), "password"},
		{"in XML", "<Message>" + strings.NewReplacer(`"`, "&#34;", "<", "&lt;", ">", "&gt;", "&", "&amp;").Replace(canaryPassword) + "</Message>", "password"},
	}
	if len(leaks) < 25 {
		t.Fatalf("got %d planted leaks, want at least 25", len(leaks))
	}
	found := 0
	for _, leak := range leaks {
		if got := s.secrets("before " + leak.text + " after"); slices.Equal(got, []string{leak.secret}) {
			found++
		} else {
			t.Errorf("%s: found %q, want the %s", leak.name, got, leak.secret)
		}
	}
	t.Logf("%d of %d planted leaks found", found, len(leaks))
	for _, text := range []string{
		"", "nothing but AKIAIOSFODNN7EXAMPLE and [secret]", canaryKey[:15], "…" + canaryPassword[len(canaryPassword)-15:],
		std([]byte("correct horse")), url.QueryEscape(`"<&>"`), `\u003c\u003e\u0026\u0022`, strings.Repeat("A", 4096), fmt.Sprint(make([]byte, 64)),
	} {
		if got := s.find([]byte(text)); len(got) > 0 {
			t.Errorf("found %q in %q, which has no secret", got, text)
		}
	}
}
