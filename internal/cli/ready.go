package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/internal/safefile"
)

// ready is what a person or a script needs to use an emulator.
type ready struct {
	Endpoint       string            `json:"endpoint"`
	Region         string            `json:"region"`
	AccountID      string            `json:"account_id"`
	Environment    map[string]string `json:"environment"`
	Administrator  accessKey         `json:"administrator"`
	TrustAnchorARN string            `json:"trust_anchor_arn"`
	ProfileARN     string            `json:"profile_arn"`
	RoleARN        string            `json:"role_arn"`
	Identity       *readyIdentity    `json:"identity,omitempty"`
	Created        *emulator.Created `json:"created,omitempty"` // by --seed
}

type accessKey struct {
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
}

type readyIdentity struct {
	Subject     string `json:"subject"`
	Certificate string `json:"certificate"` // path
	PrivateKey  string `json:"private_key"` // path
	URI         string `json:"uri"`         // for --certificate
}

// directory is where the ready identity's files go: the state's, or one that goes away at the end.
func (f *emulatorFlags) directory() (dir string, cleanUp func() error, err error) {
	nothing := func() error { return nil }
	if f.state != "" {
		if err := f.checkState(); err != nil {
			return "", nothing, err
		}
		dir, err := filepath.Abs(f.state)
		return dir, nothing, err
	}
	if f.trust != "" {
		return "", nothing, nil // whoever has a CA has certificates
	}
	dir, err = os.MkdirTemp("", "awsauth-emulator-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}

// checkState makes the state's directory, or demands that it is the emulator's own and nobody else may write there: what
// somebody else keeps in it is not for the emulator to replace.
func (f *emulatorFlags) checkState() error {
	if err := os.MkdirAll(f.state, 0o700); err != nil {
		return configurationError{error: fmt.Errorf("--state %s: %w", f.state, cause(err)), hint: "name a directory that can be written"}
	}
	info, err := os.Stat(f.state)
	if err != nil {
		return configurationError{error: fmt.Errorf("--state %s: %w", f.state, cause(err)), hint: "name a directory that can be written"}
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return configurationError{error: fmt.Errorf("--state %s: others may write there", f.state), hint: "chmod 700 " + f.state}
	}
	entries, err := os.ReadDir(f.state)
	if err != nil {
		return configurationError{error: fmt.Errorf("--state %s: %w", f.state, cause(err)), hint: "make it readable"}
	}
	if _, err := os.Stat(filepath.Join(f.state, readyFile)); len(entries) > 0 && errors.Is(err, fs.ErrNotExist) {
		return configurationError{
			error: fmt.Errorf("--state %s: holds something else, or what an interrupted start has left", f.state),
			hint:  "remove what it holds, or name another directory",
		}
	}
	return nil
}

// readyFile remembers, beside the state, what has been prepared.
const readyFile = "ready.json"

// prepare fills a new account, or finds what a kept one was filled with.
func (f *emulatorFlags) prepare(local *localAWS, dir string, seed *emulator.Seed) (*ready, error) {
	r, err := f.kept()
	if err != nil {
		return nil, err
	}
	if r == nil {
		if r, err = f.fill(local, dir); err != nil {
			return nil, err
		}
		if seed != nil {
			created, err := local.Apply(*seed)
			if err != nil {
				return nil, configurationError{error: fmt.Errorf("--seed: %w", err), hint: "docs/emulator.md describes the file"}
			}
			r.Created = &created
		}
		if err := f.keep(r); err != nil {
			return nil, err
		}
	}
	r.Endpoint = local.endpoint
	r.Environment = map[string]string{
		"AWS_ENDPOINT_URL":      local.endpoint,
		"AWS_REGION":            r.Region,
		"AWS_DEFAULT_REGION":    r.Region,
		"AWS_ACCESS_KEY_ID":     r.Administrator.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY": r.Administrator.SecretAccessKey,
	}
	return r, nil
}

func (f *emulatorFlags) fill(local *localAWS, dir string) (*ready, error) {
	var bundle []byte
	var id *readyIdentity
	if f.trust != "" {
		var err error
		if bundle, err = safefile.Read(f.trust, maxSeed); err != nil {
			return nil, f.trustError(err)
		}
	} else {
		ca, err := pki.NewCA(localName+"-ca", time.Now())
		if err != nil {
			return nil, err
		}
		client, err := ca.Issue(pki.Leaf{CommonName: localName + "-client"})
		if err != nil {
			return nil, err
		}
		certificate, key, err := writeIdentity(dir, client)
		if err != nil {
			return nil, err
		}
		id = &readyIdentity{
			Subject: client.Certificate.Subject.String(), Certificate: certificate, PrivateKey: key,
			URI: "file:" + certificate + "?key=" + key,
		}
		bundle = pki.CertificatesPEM(ca.Certificate)
	}
	created, err := local.Apply(localSeed(localName, localAdministrator, bundle))
	if err != nil {
		if f.trust != "" {
			return nil, f.trustError(err)
		}
		return nil, err
	}
	admin := created.Users[localAdministrator]
	return &ready{
		Region:         local.Region(),
		AccountID:      local.AccountID(),
		Administrator:  accessKey{admin.AccessKeyID, admin.SecretAccessKey},
		TrustAnchorARN: created.TrustAnchors[localName+"-ca"],
		ProfileARN:     created.Profiles[localName],
		RoleARN:        created.Roles[localName],
		Identity:       id,
	}, nil
}

// trustError says what is wrong with the file of --trust, without the place in the seed that it takes.
func (f *emulatorFlags) trustError(err error) error {
	_, reason, found := strings.Cut(err.Error(), `"`+localName+`-ca": `)
	if !found {
		reason = err.Error()
	}
	return configurationError{
		error: fmt.Errorf("--trust %s: %s", f.trust, reason), hint: "name the file of your CA's certificate in PEM",
	}
}

// cause leaves out the path, which the message has already.
func cause(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// kept reads what an earlier run prepared; nil when there was none.
func (f *emulatorFlags) kept() (*ready, error) {
	if f.state == "" {
		return nil, nil
	}
	path := filepath.Join(f.state, readyFile)
	raw, err := safefile.Read(path, maxSeed)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, configurationError{error: fmt.Errorf("--state: %s: %w", path, err), hint: "make it readable"}
	}
	r := new(ready)
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, configurationError{error: fmt.Errorf("--state: %s is damaged", path), hint: "remove the directory to start anew"}
	}
	if f.trust != "" || f.seed != "" {
		return nil, configurationError{
			error: fmt.Errorf("--state %s is filled already: --trust and --seed are for a new one", f.state),
			hint:  "leave them out, or name another directory",
		}
	}
	return r, nil
}

func (f *emulatorFlags) keep(r *ready) error {
	if f.state == "" {
		return nil
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return safefile.Write(filepath.Join(f.state, readyFile), raw)
}

// announce says that it is ready, and how to use it.
func (f *emulatorFlags) announce(streams IO, r *ready) error {
	if f.json {
		return json.NewEncoder(streams.Out).Encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "A local AWS on %s (account %s, %s); Ctrl-C stops it\n\n", r.Endpoint, r.AccountID, r.Region)
	b.WriteString("As its administrator, with any AWS client:\n")
	for _, name := range slices.Sorted(maps.Keys(r.Environment)) {
		fmt.Fprintf(&b, "  export %s=%s\n", name, quotePOSIX(r.Environment[name]))
	}
	b.WriteString("  aws --endpoint-url $AWS_ENDPOINT_URL sts get-caller-identity\n\nWith a certificate:\n")
	uri := "file:leaf.pem?key=leaf.key"
	if r.Identity != nil {
		uri = r.Identity.URI
	}
	fmt.Fprintf(&b, "  awsauth get session --endpoint-url %s \\\n    --certificate %s \\\n    --role-arn %s \\\n    --profile-arn %s \\\n    --trust-anchor-arn %s\n",
		r.Endpoint, quotePOSIX(uri), r.RoleARN, r.ProfileARN, r.TrustAnchorARN)
	if r.Created != nil {
		b.WriteString("\n" + describeCreated(r.Created))
	}
	b.WriteString("\n")
	_, err := fmt.Fprint(streams.Out, b.String())
	return err
}

func describeCreated(c *emulator.Created) string {
	var b strings.Builder
	b.WriteString("Created from the seed:\n")
	for _, name := range slices.Sorted(maps.Keys(c.Users)) {
		u := c.Users[name]
		fmt.Fprintf(&b, "  user %s  %s  %s\n", name, u.AccessKeyID, u.SecretAccessKey)
	}
	for _, group := range []struct {
		kind string
		arns map[string]string
	}{{"trust anchor", c.TrustAnchors}, {"role", c.Roles}, {"profile", c.Profiles}} {
		for _, name := range slices.Sorted(maps.Keys(group.arns)) {
			fmt.Fprintf(&b, "  %s %s  %s\n", group.kind, name, group.arns[name])
		}
	}
	return b.String()
}
