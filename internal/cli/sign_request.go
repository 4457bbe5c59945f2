package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/sigv4"
)

// signing is a request to sign, and how the answer is written.
type signing struct {
	request sigv4.Request
	headers []string
	body    string
	presign time.Duration
	format  string
	noCache bool
}

var signFormats = []string{"curl", "headers", "json", "url"}

func newSignRequest(streams IO) *cobra.Command {
	var (
		where place
		s     signing
	)
	c := &cobra.Command{
		Use:   "sign-request NAME --url URL [flags]",
		Short: "Sign an HTTP request to AWS, for whoever has no SDK",
		Long: `Sign an HTTP request with Signature Version 4 and the credentials that the configuration keeps under a name, and print the
headers to send, a command of curl that sends it, or a presigned URL. Nothing is sent.

A signature is good for 15 minutes; a presigned URL for as long as --presign says, and anybody who has it can use it. Neither is good
for longer than the session.`,
		Example: `  awsauth sign-request backup --url 'https://sqs.eu-west-1.amazonaws.com/?Action=ListQueues' --format curl
  awsauth sign-request backup --url https://photos.s3.eu-west-1.amazonaws.com/cat.jpg --presign 1h
  awsauth sign-request backup --url https://rekognition.eu-west-1.amazonaws.com/ --method POST --body labels.json \
    --header 'Content-Type: application/x-amz-json-1.1' --header 'X-Amz-Target: RekognitionService.DetectLabels' --format curl | sh`,
		Annotations:       map[string]string{annotationExit: "yes", annotationVariables: credentialVariables},
		Args:              oneName("a credential's name"),
		ValidArgsFunction: completeCredentials(streams, &where),
		RunE: func(c *cobra.Command, args []string) error {
			return ofName(args[0], s.run(c, streams, &where, args[0]))
		},
	}
	f := c.Flags()
	f.StringVar(&s.request.URL, "url", "", "`URL` address of the request, with its query; required")
	f.StringVar(&s.request.Method, "method", "GET", "`METHOD` HTTP method (default GET)")
	f.StringArrayVar(&s.headers, "header", nil, "`HEADER` Name: value, signed along; may be given several times")
	f.StringVar(&s.body, "body", "", "`FILE` with the body, or - for standard input")
	f.StringVar(&s.request.PayloadHash, "payload-hash", "", "`HASH` SHA-256 of the body in hexadecimal, or UNSIGNED-PAYLOAD, in place of --body")
	f.StringVar(&s.request.Service, "service", "", "`SERVICE` what the signature is for, as sqs (default what the host says)")
	f.StringVar(&s.request.Region, "service-region", "", "`REGION` what the signature is for (default what the host says, then the credentials)")
	heading(c, "What is signed", "url", "method", "header", "body", "payload-hash", "service", "service-region")
	f.DurationVar(&s.presign, "presign", 0, "`DURATION` make a URL that is good for so long, 1s to 168h")
	f.StringVar(&s.format, "format", "", "`FORMAT` "+strings.Join(signFormats, ", ")+" (default headers; url with --presign)")
	f.BoolVar(&s.noCache, "no-cache", false, "neither use nor keep what awsauth cache list shows")
	heading(c, "How it is answered", "presign", "format", "no-cache")
	where.flags(c)
	keyFlags(c, "In place of what is configured", overridable()...)
	completeCertificates(c, streams, &where)
	completeValues(c, "format", signFormats...)
	return c
}

// run signs. All that can be wrong with the request is found before credentials are got.
func (s *signing) run(c *cobra.Command, streams IO, where *place, name string) error {
	if err := s.read(streams); err != nil {
		return err
	}
	region := s.request.Region
	trial := aws.Credentials{AccessKeyID: "x", SecretAccessKey: "x"}
	if _, err := s.sign(c.Context(), trial, cmp.Or(region, "us-east-1")); err != nil {
		return err
	}
	credentials, home, err := s.credentials(c, streams, where, name)
	if err != nil {
		return err
	}
	signed, err := s.sign(c.Context(), credentials, home)
	if err != nil {
		return err
	}
	if s.presign > 0 && credentials.CanExpire && credentials.Expires.Before(time.Now().Add(s.presign)) {
		fmt.Fprintf(streams.Err, "awsauth: note: the URL ends with the session, in %s (%s)\n", until(time.Until(signed.Ends)), signed.Ends.UTC().Format(time.RFC3339))
	}
	return s.print(streams, signed)
}

// credentials are those of the name, and the region that they are for.
func (s *signing) credentials(c *cobra.Command, streams IO, where *place, name string) (aws.Credentials, string, error) {
	given, err := where.askAgent(c, streams, name)
	if err != nil {
		return aws.Credentials{}, "", err
	}
	if given != nil {
		_, region := streams.Environment.Region()
		return given.credentials(), cmp.Or(given.Region, region), nil
	}
	credential, err := where.credential(c, streams, name)
	if err != nil {
		return aws.Credentials{}, "", err
	}
	out := output{}
	if !s.noCache {
		out.held = where.held(c.Context(), streams, credential)
	}
	got, err := credential.ObtainHeld(c.Context(), out.held)
	if err != nil {
		return aws.Credentials{}, "", err
	}
	_, region := streams.Environment.Region()
	return got.Credentials, cmp.Or(credential.Region(), region), nil
}

// read reads what the flags name.
func (s *signing) read(streams IO) error {
	if s.request.URL == "" {
		return usagef("--url is required")
	}
	if s.format == "" {
		s.format = "headers"
		if s.presign != 0 {
			s.format = "url"
		}
	}
	if !slices.Contains(signFormats, s.format) {
		return usagef("--format is not one of %s", strings.Join(signFormats, ", "))
	}
	if s.format == "url" && s.presign == 0 {
		return usageError{errors.New("--format url is for presigned URLs"), "--presign 15m makes one"}
	}
	s.request.Header = http.Header{}
	for i, line := range s.headers {
		name, value, found := strings.Cut(line, ":")
		if !found || strings.TrimSpace(name) != name || name == "" {
			return usagef("--header number %d is not Name: value", i+1)
		}
		s.request.Header.Add(name, strings.TrimSpace(value))
	}
	if s.body == "" {
		return nil
	}
	if s.request.PayloadHash != "" {
		return usagef("--body and --payload-hash do not go together")
	}
	hash, err := hashOf(streams, s.body)
	if err != nil {
		return configurationError{error: fmt.Errorf("--body: %w", err), hint: knownHint(err)}
	}
	s.request.PayloadHash = hash
	return nil
}

// hashOf reads a body once, whatever its size.
func hashOf(streams IO, path string) (hash string, err error) {
	in := streams.In
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		in = file
	}
	h := sha256.New()
	if _, err := io.Copy(h, in); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// signFlags are the flags of what sigv4 finds wrong.
var signFlags = map[string]string{
	"Method": "--method", "URL": "--url", "Header": "--header", "PayloadHash": "--payload-hash", "Service": "--service", "Region": "--service-region",
	"Valid": "--presign",
}

// sign signs for the region that is given, or the host's, or else the credentials'.
func (s *signing) sign(ctx context.Context, credentials aws.Credentials, home string) (*sigv4.Signed, error) {
	do := func(r sigv4.Request) (*sigv4.Signed, error) {
		if s.presign != 0 {
			return sigv4.Presign(ctx, credentials, r, time.Now(), s.presign)
		}
		return sigv4.Sign(ctx, credentials, r, time.Now())
	}
	signed, err := do(s.request)
	mistake := new(sigv4.Error)
	if errors.As(err, &mistake) && mistake.Field == "Region" && s.request.Region == "" && home != "" {
		r := s.request
		r.Region = home
		signed, err = do(r)
	}
	if errors.As(err, &mistake) {
		return nil, usagef("%s %s", cmp.Or(signFlags[mistake.Field], mistake.Field), mistake.Problem)
	}
	return signed, err
}

// print writes what is to be sent.
func (s *signing) print(streams IO, signed *sigv4.Signed) error {
	names := slices.Sorted(maps.Keys(signed.Header))
	var b strings.Builder
	switch s.format {
	case "url":
		b.WriteString(signed.URL + "\n")
	case "json":
		headers := map[string]string{}
		for _, name := range names {
			headers[name] = signed.Header.Get(name)
		}
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(struct {
			Method     string            `json:"method"`
			URL        string            `json:"url"`
			Host       string            `json:"host"`
			Headers    map[string]string `json:"headers"`
			Service    string            `json:"service"`
			Region     string            `json:"region"`
			Expiration string            `json:"expiration"`
		}{signed.Method, signed.URL, signed.Host, headers, signed.Service, signed.Region, signed.Ends.UTC().Format(time.RFC3339)}); err != nil {
			return err
		}
	case "curl":
		b.WriteString(s.curl(signed, names) + "\n")
	default:
		for _, name := range names {
			fmt.Fprintf(&b, "%s: %s\n", name, signed.Header.Get(name))
		}
	}
	return say(streams, b.String())
}

// curl is a command that sends the request.
func (s *signing) curl(signed *sigv4.Signed, names []string) string {
	words := []string{"curl", "--silent", "--show-error", "--request", signed.Method}
	if signed.Method == http.MethodHead && s.body == "" {
		words = append(words[:3], "--head") // or it waits for a body
	}
	for _, name := range names {
		header := name + ": " + signed.Header.Get(name)
		if signed.Header.Get(name) == "" {
			header = name + ";" // or it is left out
		}
		words = append(words, "--header", quotePOSIX(header))
	}
	if s.body != "" {
		if signed.Header.Get("Content-Type") == "" {
			words = append(words, "--header", "'Content-Type:'") // curl would send its own
		}
		words = append(words, "--data-binary", quotePOSIX("@"+s.body))
	}
	return strings.Join(append(words, quotePOSIX(signed.URL)), " ")
}
