package lowcode_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/awsauth-go/awsauth/examples/lowcode/client"
)

const document = "../../serve/actions/openapi.json"

// contract is the document as a validator that is not ours reads it.
func contract(t *testing.T) routers.Router {
	t.Helper()
	loader := openapi3.NewLoader()
	d, err := loader.LoadFromFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation()); err != nil {
		t.Fatal(err)
	}
	d.Servers = openapi3.Servers{{URL: local.actions}}
	router, err := legacy.NewRouter(d)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

func TestTheDocumentIsValid(t *testing.T) { contract(t) }

// The validator would notice: a document with a mistake, and an answer that lacks a key.
func TestTheValidatorFindsMistakes(t *testing.T) {
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"a type that is none":  {`"type": "boolean"`, `"type": "truth"`},
		"a dangling reference": {"schemas/Credentials\"", "schemas/Nothing\""},
		"a wrong example":      {`"example": 3600`, `"example": "3600"`},
	} {
		d, err := openapi3.NewLoader().LoadFromData([]byte(strings.Replace(string(raw), change[0], change[1], 1)))
		if err == nil {
			err = d.Validate(t.Context(), openapi3.EnableExamplesValidation())
		}
		if err == nil {
			t.Errorf("%s is not found", name)
		}
	}
}

// checked is a transport that holds every request and every answer against the document.
type checked struct {
	t      *testing.T
	router routers.Router
	// loose leaves out the request: it is meant to be wrong.
	loose bool
	seen  map[string]int
}

func (c checked) RoundTrip(r *http.Request) (*http.Response, error) {
	asked := r
	if c.loose && r.Method != http.MethodPost { // the document has no such operation, and says what it is answered with
		asked = r.Clone(r.Context())
		asked.Method = http.MethodPost
	}
	route, parameters, err := c.router.FindRoute(asked)
	if err != nil {
		return nil, err
	}
	input := &openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: parameters, Options: &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true,
	}}
	if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil && !c.loose {
		c.t.Errorf("the request is not as the document says: %v", err)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if err := answer.Body.Close(); err != nil {
		return nil, err
	}
	if err := c.check(r.Context(), input, answer, body); err != nil {
		c.t.Errorf("the answer %d is not as the document says: %v", answer.StatusCode, err)
	}
	c.seen[fmt.Sprint(route.Operation.OperationID, " ", answer.StatusCode)]++
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

func (c checked) check(ctx context.Context, input *openapi3filter.RequestValidationInput, answer *http.Response, body []byte) error {
	return openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: answer.StatusCode, Header: answer.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
}

// Every action, called by the generated client, keeps to the document: what succeeds and what fails.
func TestTheAgentKeepsToTheDocument(t *testing.T) {
	transport := checked{t, contract(t), false, map[string]int{}}
	authenticated := func(password string) client.RequestEditorFn {
		return func(_ context.Context, r *http.Request) error { r.SetBasicAuth("erp", password); return nil }
	}
	c, err := client.NewClientWithResponses(local.actions, client.WithHTTPClient(&http.Client{Transport: transport}), client.WithRequestEditorFn(authenticated(local.password)))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	backup, legacy, nobody, yes := "backup", "legacy", "nobody", true
	must := func(what string, ok bool, body []byte, err error) {
		t.Helper()
		if err != nil || !ok {
			t.Errorf("%s: %v %s", what, err, body)
		}
	}
	session, err := c.GetSessionCredentialsWithResponse(ctx, nil, client.SessionCredentialsRequest{Name: &backup})
	must("session", session.JSON200 != nil && session.JSON200.Ok && session.JSON200.Expiration != nil && session.JSON200.SessionToken != "", session.Body, err)
	static, err := c.GetStaticCredentialsWithResponse(ctx, nil, client.StaticCredentialsRequest{Name: &legacy})
	must("static", static.JSON200 != nil && static.JSON200.SecretAccessKey == local.aws.SecretAccessKey && static.JSON200.Expiration == nil, static.Body, err)
	static, err = c.GetStaticCredentialsWithResponse(ctx, nil, client.StaticCredentialsRequest{AccessKeyId: &local.aws.AccessKeyID, SecretAccessKey: &local.aws.SecretAccessKey})
	must("static by its parameters", static.JSON200 != nil && static.JSON200.SecretAccessKey == local.aws.SecretAccessKey, static.Body, err)
	who, err := c.ValidateCredentialsWithResponse(ctx, nil, client.ValidateRequest{Name: &legacy})
	must("validate", who.JSON200 != nil && who.JSON200.Valid && who.JSON200.Account == "123456789012", who.Body, err)
	wrong := strings.Repeat("x", 40)
	who, err = c.ValidateCredentialsWithResponse(ctx, nil, client.ValidateRequest{AccessKeyId: &local.aws.AccessKeyID, SecretAccessKey: &wrong})
	must("validate a wrong secret", who.JSON200 != nil && who.JSON200.Ok && !who.JSON200.Valid && who.JSON200.Reason != "", who.Body, err)
	signed, err := c.SignRequestWithResponse(ctx, nil, client.SignRequest{Name: &backup, Url: "https://sqs.eu-west-1.amazonaws.com/"})
	must("sign", signed.JSON200 != nil && signed.JSON200.XAmzSecurityToken != "", signed.Body, err)

	refused, err := c.GetSessionCredentialsWithResponse(ctx, nil, client.SessionCredentialsRequest{Name: &nobody})
	must("a name that is not granted", refused.ApplicationproblemJSON403 != nil && refused.ApplicationproblemJSON403.Code == "NotAllowed", refused.Body, err)
	refused, err = c.GetSessionCredentialsWithResponse(ctx, nil, client.SessionCredentialsRequest{Name: &nobody, ErrorInBody: &yes})
	must("the same in the body", refused.JSON200 != nil && !refused.JSON200.Ok && refused.JSON200.ErrorCode == "NotAllowed", refused.Body, err)
	refused, err = c.GetSessionCredentialsWithResponse(ctx, nil, client.SessionCredentialsRequest{}, authenticated("wrong"))
	must("a wrong password", refused.ApplicationproblemJSON401 != nil, refused.Body, err)
	gone := "gone"
	refused, err = c.GetSessionCredentialsWithResponse(ctx, nil, client.SessionCredentialsRequest{
		RoleArn: &local.aws.RoleARN, ProfileArn: &local.aws.ProfileARN, TrustAnchorArn: &local.aws.TrustAnchorARN, ClientCertificateIdentifier: &gone,
	})
	must("a certificate that is gone", refused.ApplicationproblemJSON404 != nil && refused.ApplicationproblemJSON404.Code == "CertificateNotFound", refused.Body, err)
	unknown, away := "unknown", "away"
	refused, err = c.GetSessionCredentialsWithResponse(ctx, nil, client.SessionCredentialsRequest{Name: &unknown})
	must("what AWS refuses", refused.ApplicationproblemJSON502 != nil && refused.ApplicationproblemJSON502.Code == "RefusedByAWS", refused.Body, err)
	refused, err = c.GetSessionCredentialsWithResponse(ctx, nil, client.SessionCredentialsRequest{Name: &away})
	must("while AWS is away", refused.ApplicationproblemJSON503 != nil && refused.ApplicationproblemJSON503.Code == "CredentialsUnavailable", refused.Body, err)
	transport.loose = true
	c.ClientInterface.(*client.Client).Client = &http.Client{Transport: transport}
	broken, err := c.GetSessionCredentialsWithBodyWithResponse(ctx, nil, "application/json", strings.NewReader("{"))
	must("broken JSON", broken.ApplicationproblemJSON400 != nil, broken.Body, err)
	broken, err = c.GetSessionCredentialsWithBodyWithResponse(ctx, nil, "text/plain", strings.NewReader("{}"))
	must("text", broken.ApplicationproblemJSON415 != nil, broken.Body, err)
	broken, err = c.GetSessionCredentialsWithBodyWithResponse(ctx, nil, "application/json", strings.NewReader(strings.Repeat(" ", 100_000)))
	must("too much", broken.ApplicationproblemJSON413 != nil, broken.Body, err)
	get := func(_ context.Context, r *http.Request) error { r.Method = http.MethodGet; return nil }
	broken, err = c.GetSessionCredentialsWithResponse(ctx, nil, client.SessionCredentialsRequest{Name: &backup}, get)
	must("a GET", broken.ApplicationproblemJSON405 != nil, broken.Body, err)
	for _, want := range []string{
		"GetSessionCredentials 200", "GetSessionCredentials 400", "GetSessionCredentials 401", "GetSessionCredentials 403", "GetSessionCredentials 404",
		"GetSessionCredentials 405", "GetSessionCredentials 413", "GetSessionCredentials 415", "GetSessionCredentials 502", "GetSessionCredentials 503",
		"GetStaticCredentials 200", "ValidateCredentials 200", "SignRequest 200",
	} {
		if transport.seen[want] == 0 {
			t.Errorf("%s was not seen", want)
		}
	}
}

// What the generator makes of the document today is what is here.
func TestTheClientIsGeneratedFromTheDocument(t *testing.T) {
	generated := filepath.Join(t.TempDir(), "client.gen.go")
	c := exec.CommandContext(t.Context(), "go", "tool", "-modfile=../../tools/go.mod", "oapi-codegen", "-generate", "types,client", "-package", "client", "-o", generated, document)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, err := os.ReadFile(generated)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("client/client.gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("client/client.gen.go is not what the generator makes of the document: go generate ./lowcode/client")
	}
}
