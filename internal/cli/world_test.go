package cli

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/config"
)

// world is a local AWS, servers that are no AWS, and files of all kinds. Its names stand in the tests' command lines and
// messages as $NAME.
type world struct {
	names map[string]string
	local *awsauthtest.Local
	dir   string
}

// newWorld makes one. $SESSION is all that get session needs.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), local: awsauthtest.Start(t)}
	w.names = map[string]string{
		"DIR": w.dir, "ENDPOINT": w.local.Endpoint, "HOST": strings.TrimPrefix(w.local.Endpoint, "http://"),
		"ROLE": w.local.RoleARN, "PROFILE": w.local.ProfileARN, "ANCHOR": w.local.TrustAnchorARN,
	}
	client := w.local.Client("client")
	w.names["CLIENT"] = w.certificate(t, "client", client)
	w.names["P12"] = client.WritePKCS12(w.dir, "open sesame")
	w.names["SESSION"] = "session --endpoint-url $ENDPOINT --certificate $CLIENT --role-arn $ROLE --profile-arn $PROFILE --trust-anchor-arn $ANCHOR"
	return w
}

// certificate writes a client's files and answers their URI.
func (w *world) certificate(t *testing.T, name string, client *awsauthtest.Client) string {
	t.Helper()
	dir := filepath.Join(w.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	files := client.WriteFiles(dir)
	return "file:" + files.Certificate + "?key=" + files.PrivateKey
}

// file writes one and answers its path.
func (w *world) file(t *testing.T, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return path
}

// serve starts a server that is no AWS, under a name.
func (w *world) serve(t *testing.T, name string, handler http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w.names[name] = server.URL
	w.names[name+"_HOST"] = strings.TrimPrefix(server.URL, "http://")
}

// closed names a port on which nobody listens.
func (w *world) closed(t *testing.T, name string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.names[name+"_HOST"] = listener.Addr().String()
	w.names[name] = "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
}

// expand puts values in place of names. Names stand in names, too.
func (w *world) expand(text string) string {
	for range 3 {
		text = os.Expand(text, func(name string) string {
			value, ok := w.names[name]
			if !ok {
				panic(fmt.Sprintf("the world has no $%s", name))
			}
			return value
		})
	}
	return text
}

// outcome is what a run of the command has left.
type outcome struct {
	stdout, stderr string
	code           int
}

// run runs the command in this process, with an environment of its own.
func (w *world) run(ctx context.Context, arguments string, change func(*IO), environment ...string) outcome {
	var stdout, stderr bytes.Buffer
	variables := map[string]string{}
	for _, assignment := range environment {
		name, value, _ := strings.Cut(w.expand(assignment), "=")
		variables[name] = value
	}
	streams := IO{
		In: strings.NewReader(""), Out: &stdout, Err: &stderr,
		Environment: config.Environment{Lookup: func(name string) (string, bool) {
			value, ok := variables[name]
			return value, ok
		}},
	}
	if change != nil {
		change(&streams)
	}
	code := Run(ctx, strings.Fields(w.expand(arguments)), streams)
	return outcome{stdout.String(), stderr.String(), code}
}

// defective makes certificates that cannot be used, as $EXPIRED and so on.
func (w *world) defective(t *testing.T) {
	t.Helper()
	for name, trait := range map[string]awsauthtest.Trait{
		"EXPIRED": awsauthtest.Expired, "NOTYET": awsauthtest.NotYetValid, "AUTHORITY": awsauthtest.CertificateAuthority,
		"MISMATCHED": awsauthtest.AnotherKey, "NOUSAGE": awsauthtest.NoKeyUsage, "UNKNOWN_CA": awsauthtest.UnknownCA,
		"ED25519": awsauthtest.Ed25519,
	} {
		w.names[name] = w.certificate(t, name, w.local.Client("client", trait))
		w.names[name+"_FILE"] = filepath.Join(w.dir, name, "certificate.pem")
		w.names[name+"_KEY"] = filepath.Join(w.dir, name, "key.pem")
	}
}

// hostile starts servers that answer as no AWS does.
func (w *world) hostile(t *testing.T) {
	t.Helper()
	w.closed(t, "CLOSED")
	w.serve(t, "PORTAL", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		rw.Header().Set("Server", "Portal/1.0")
		fmt.Fprint(rw, "<html><body>Sign in to the hotel's network</body></html>")
	})
	w.serve(t, "REDIRECT", func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "https://portal.example/", http.StatusFound)
	})
	w.serve(t, "NONSENSE", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusCreated)
		fmt.Fprint(rw, `{"credentialSet":[]}`)
	})
	w.serve(t, "TOMORROW", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Date", time.Now().Add(24*time.Hour).UTC().Format(http.TimeFormat))
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusForbidden)
		fmt.Fprint(rw, `{"code":"AccessDeniedException","message":"Signature expired"}`)
	})
	w.serve(t, "TERMINAL", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusForbidden)
		fmt.Fprint(rw, `{"code":"AccessDeniedException","message":"\u001b]0;owned\u0007 access denied"}`)
	})
	w.serve(t, "STS_TERMINAL", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/xml")
		rw.WriteHeader(http.StatusForbidden)
		fmt.Fprint(rw, "<ErrorResponse><Error><Code>Denied</Code><Message>&#x9b;31m access denied</Message></Error></ErrorResponse>")
	})
	cutting := awsauthtest.Start(t)
	cutting.Fail(cutAll(t))
	w.names["CUT"] = cutting.Endpoint
	w.names["CUT_HOST"] = strings.TrimPrefix(cutting.Endpoint, "http://")
}

func cutAll(t *testing.T) emulator.Fault {
	t.Helper()
	fault, err := emulator.ParseFault("cut=100%")
	if err != nil {
		t.Fatal(err)
	}
	return fault
}

// describeDefects names what messages say of the defective certificates: $TODAY, when the expired one ended, and $SERIAL,
// of the mismatched one.
func (w *world) describeDefects(t *testing.T) {
	t.Helper()
	parse := func(name string) *x509.Certificate {
		raw, err := os.ReadFile(w.names[name+"_FILE"])
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(raw)
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	w.names["TODAY"] = parse("EXPIRED").NotAfter.UTC().Format(time.DateOnly)
	w.names["SERIAL"] = parse("MISMATCHED").SerialNumber.String()
}
