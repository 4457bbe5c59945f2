package canonical

import (
	"strings"
	"testing"
)

func TestPathForms(t *testing.T) {
	tests := map[string]struct{ path, normalized, literal, s3 string }{
		"an empty path is the root":                 {"", "/", "/", "/"},
		"the root stays":                            {"/", "/", "/", "/"},
		"plain segments stay":                       {"/a/b", "/a/b", "/a/b", "/a/b"},
		"a slash at the end stays":                  {"/a/b/", "/a/b/", "/a/b/", "/a/b/"},
		"unreserved characters stay":                {"/-._~09azAZ", "/-._~09azAZ", "/-._~09azAZ", "/-._~09azAZ"},
		"repeated slashes are merged":               {"//a///b//", "/a/b/", "//a///b//", "//a///b//"},
		"slashes alone are the root":                {"///", "/", "///", "///"},
		"a dot is dropped":                          {"/./a/./b", "/a/b", "/./a/./b", "/./a/./b"},
		"a dot at the end leaves the slash":         {"/a/.", "/a/", "/a/.", "/a/."},
		"two dots drop the segment before":          {"/a/../b", "/b", "/a/../b", "/a/../b"},
		"two dots at the end leave the slash":       {"/a/b/..", "/a/", "/a/b/..", "/a/b/.."},
		"two dots do not leave the root":            {"/../../a", "/a", "/../../a", "/../../a"},
		"two dots that drop everything":             {"/a/..", "/", "/a/..", "/a/.."},
		"three dots are a name":                     {"/a/.../b", "/a/.../b", "/a/.../b", "/a/.../b"},
		"a name that begins with a dot stays":       {"/.a/..b", "/.a/..b", "/.a/..b", "/.a/..b"},
		"an escaped dot is no dot":                  {"/a/%2E%2E/b", "/a/%252E%252E/b", "/a/%252E%252E/b", "/a/../b"},
		"a space is encoded":                        {"/a b", "/a%20b", "/a%20b", "/a%20b"},
		"an escape is encoded again but for S3":     {"/a%20b", "/a%2520b", "/a%2520b", "/a%20b"},
		"an escape in lower case":                   {"/%c3%a9", "/%25c3%25a9", "/%25c3%25a9", "/%C3%A9"},
		"an escape of an unreserved character":      {"/%41%7E", "/%2541%257E", "/%2541%257E", "/A~"},
		"an escaped slash":                          {"/a%2Fb", "/a%252Fb", "/a%252Fb", "/a/b"},
		"a plus is no space":                        {"/a+b", "/a%2Bb", "/a%2Bb", "/a%2Bb"},
		"bare UTF-8":                                {"/é漢", "/%C3%A9%E6%BC%A2", "/%C3%A9%E6%BC%A2", "/%C3%A9%E6%BC%A2"},
		"a percent sign that begins no escape":      {"/%/%4/%zz", "/%25/%254/%25zz", "/%25/%254/%25zz", "/%25/%254/%25zz"},
		"an ARN as a segment":                       {"/tags/arn%3Aaws%3Aiam", "/tags/arn%253Aaws%253Aiam", "/tags/arn%253Aaws%253Aiam", "/tags/arn%3Aaws%3Aiam"},
		"sub-delimiters that net/url leaves":        {"/$&+,:;=@", "/%24%26%2B%2C%3A%3B%3D%40", "/%24%26%2B%2C%3A%3B%3D%40", "/%24%26%2B%2C%3A%3B%3D%40"},
		"sub-delimiters that net/url leaves at all": {"/!'()*", "/%21%27%28%29%2A", "/%21%27%28%29%2A", "/%21%27%28%29%2A"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for form, want := range map[PathForm]string{Normalized: tt.normalized, Literal: tt.literal, S3: tt.s3} {
				if got := string(AppendPath(nil, tt.path, form)); got != want {
					t.Errorf("form %d of %q: got %q, want %q", form, tt.path, got, want)
				}
			}
		})
	}
}

func TestQuery(t *testing.T) {
	tests := map[string]struct{ raw, want string }{
		"an empty query stays empty":                  {"", ""},
		"a name without a value gets the sign":        {"a", "a="},
		"an empty value stays":                        {"a=", "a="},
		"an empty name stays":                         {"=a", "=a"},
		"the sign alone stays":                        {"=", "="},
		"empty pairs are dropped":                     {"&a=1&&b=2&", "a=1&b=2"},
		"empty pairs alone are no query":              {"&&", ""},
		"names are sorted":                            {"c=1&a=2&b=3", "a=2&b=3&c=1"},
		"capitals sort before small letters":          {"b=1&B=2&a=3&A=4", "A=4&B=2&a=3&b=1"},
		"a short name sorts before its continuations": {"a=1&a1=2&a-b=3", "a=1&a-b=3&a1=2"},
		"values of one name are sorted":               {"a=2&a=10&a=1", "a=1&a=10&a=2"},
		"a repeated pair stays":                       {"a=1&a=1", "a=1&a=1"},
		"sorting follows the encoded value":           {"k=a-b&k=a/b", "k=a%2Fb&k=a-b"},
		"sorting follows the encoded name":            {"a=1&é=2", "%C3%A9=2&a=1"},
		"a plus is a space":                           {"a=b+c", "a=b%20c"},
		"an escaped plus is a plus":                   {"a=b%2Bc", "a=b%2Bc"},
		"an escaped space is a space":                 {"a=b%20c", "a=b%20c"},
		"escapes are written in capitals":             {"a=%2f%c3%a9", "a=%2F%C3%A9"},
		"escapes of unreserved characters are undone": {"%41=%7e", "A=~"},
		"bare characters are encoded":                 {"a=/:@!$'()*,;?", "a=%2F%3A%40%21%24%27%28%29%2A%2C%3B%3F"},
		"unreserved characters stay":                  {"-._~=-._~", "-._~=-._~"},
		"bare UTF-8 is encoded":                       {"ሴ=bar", "%E1%88%B4=bar"},
		"only the first sign separates":               {"a=b=c", "a=b%3Dc"},
		"an escaped ampersand does not separate":      {"a=b%26c%3Dd", "a=b%26c%3Dd"},
		"a percent sign that begins no escape":        {"a=%&b=%4&c=%zz", "a=%25&b=%254&c=%25zz"},
		"an octet that is not UTF-8":                  {"a=%ff\xfe", "a=%FF%FE"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := string(AppendQuery(nil, tt.raw)); got != tt.want {
				t.Errorf("query %q: got %q, want %q", tt.raw, got, tt.want)
			}
		})
	}
}

func TestHeaderValues(t *testing.T) {
	tests := map[string]struct {
		values []string
		want   string
	}{
		"a value stays":                         {[]string{"a b"}, "a b"},
		"an empty value stays":                  {[]string{""}, ""},
		"white space alone is empty":            {[]string{" \t "}, ""},
		"white space around is dropped":         {[]string{"  a\t"}, "a"},
		"runs of spaces become one":             {[]string{"a   b  c"}, "a b c"},
		"a tab becomes a space":                 {[]string{"a\tb"}, "a b"},
		"a folded line becomes a space":         {[]string{"a\r\n   b\n\tc"}, "a b c"},
		"spaces in quotes are no exception":     {[]string{`"a   b"`}, `"a b"`},
		"values are joined by commas, in order": {[]string{"c", "a", "b"}, "c,a,b"},
		"each value is trimmed":                 {[]string{" c ", "\ta "}, "c,a"},
		"a list in one value keeps its spaces":  {[]string{"c, a,  b"}, "c, a, b"},
		"UTF-8 stays":                           {[]string{"é  漢"}, "é 漢"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := Request{Method: "GET", Headers: []Header{{Name: "h", Values: tt.values}}, PayloadHash: "x"}
			want := "GET\n/\n\nh:" + tt.want + "\n\nh\nx"
			if got := string(r.Append(nil)); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestRequestHasALineForEachPart(t *testing.T) {
	r := Request{
		Method:      "POST",
		Path:        "/a%20b",
		PathForm:    S3,
		RawQuery:    "b=2&a=1",
		Headers:     []Header{{"host", []string{"localhost:1"}}, {"x-amz-date", []string{"20150830T123600Z"}}},
		PayloadHash: "UNSIGNED-PAYLOAD",
	}
	want := strings.Join([]string{
		"before:POST", "/a%20b", "a=1&b=2", "host:localhost:1", "x-amz-date:20150830T123600Z", "", "host;x-amz-date", "UNSIGNED-PAYLOAD",
	}, "\n")
	if got := string(r.Append([]byte("before:"))); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func BenchmarkAppend(b *testing.B) {
	r := Request{
		Method:      "POST",
		Path:        "/a/../b%20c",
		RawQuery:    "Version=2011-06-15&Action=GetCallerIdentity",
		Headers:     []Header{{"host", []string{"localhost"}}, {"x-amz-date", []string{"20150830T123600Z"}}},
		PayloadHash: "UNSIGNED-PAYLOAD",
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = r.Append(buf[:0])
	}
}

// FuzzQuery checks that a canonical query is its own canonical query, holds only the characters that one may hold, and is
// sorted.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "a=1&a1=2&a-b=3", "a=b+c&d=%2B", "ሴ=bar", "=&&=a&%", "a=%zz&%c3%28=1", "Action=ListUsers&Version=2010-05-08",
		"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		once := string(AppendQuery(nil, raw))
		if twice := string(AppendQuery(nil, once)); twice != once {
			t.Errorf("canonical query of %q: got %q, then %q", raw, once, twice)
		}
		checkEncoded(t, once, "=&")
		last := ""
		for pair := range strings.SplitSeq(once, "&") {
			name, value, _ := strings.Cut(pair, "=")
			if key := name + "\x00" + value; key < last {
				t.Errorf("canonical query %q is not sorted", once)
			} else {
				last = key
			}
		}
	})
}

// FuzzPath checks that a normalized path has no dot segments and that each form holds only the characters that it
// may hold.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"", "/", "//example//", "/a/./b/../c/..", "/a%20b", "/%zz/é", "/example space/", "a/..", "%2f.."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		for _, form := range []PathForm{Normalized, Literal, S3} {
			checkEncoded(t, string(AppendPath(nil, path, form)), "/")
		}
		if strings.HasPrefix(path, "/") {
			for segment := range strings.SplitSeq(string(AppendPath(nil, path, Normalized)), "/") {
				if segment == "." || segment == ".." {
					t.Errorf("normalized path of %q has a dot segment", path)
				}
			}
		}
	})
}

func checkEncoded(t *testing.T, s, delimiters string) {
	t.Helper()
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case strings.IndexByte("-._~"+delimiters, c) >= 0, '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) && strings.ToUpper(s[i:i+3]) == s[i:i+3]:
			i += 2
		default:
			t.Fatalf("got %q, want octet %d encoded", s, i)
		}
	}
}
