package actions

import "net/http"

// The invented values of the examples, which stand in the OpenAPI document, too. The keys are those of AWS's documentation.
var (
	exampleEnd         = "2030-01-02T03:04:05Z"
	exampleCredentials = CredentialsAnswer{
		Outcome: exampleOutcome, Type: "session", AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		SessionToken: "EXAMPLETOKEN", Expiration: &exampleEnd, Region: "eu-west-1", AssumedRoleARN: "arn:aws:sts::123456789012:assumed-role/example/example",
	}
	exampleOutcome  = Outcome{OK: true, ErrorCode: "None", ErrorMessage: "none", Hint: "none"}
	exampleValidate = ValidateAnswer{
		Outcome: exampleOutcome, Valid: true, Reason: "none", Type: "session", Account: "123456789012",
		ARN: "arn:aws:sts::123456789012:assumed-role/example/example", UserID: "AROAEXAMPLE:example", Expiration: &exampleEnd,
	}
	exampleSign = SignAnswer{
		Outcome: exampleOutcome, Method: http.MethodGet, URL: "https://sqs.eu-west-1.amazonaws.com/?Action=ListQueues", Host: "sqs.eu-west-1.amazonaws.com",
		Authorization:     "AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE/20300102/eu-west-1/sqs/aws4_request, SignedHeaders=host;x-amz-date, Signature=example",
		XAmzDate:          "20300102T030405Z",
		XAmzContentSHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", XAmzSecurityToken: "EXAMPLETOKEN",
		XAmzTarget: "Example.Action", ContentType: "application/json", PresignedURL: "https://example.s3.eu-west-1.amazonaws.com/example?X-Amz-Signature=example",
		Expiration: &exampleEnd,
	}
)

// Example answers every action with invented values, of which none is null or empty: a platform that makes its model of a live answer
// learns every key, and no secret comes into the model. It asks for no authentication.
func Example() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(DocumentPath, serveDocument)
	for _, a := range All {
		mux.HandleFunc(a.Path(), func(w http.ResponseWriter, r *http.Request) {
			request := new(Request)
			switch problem := decode(r, a, request); {
			case r.Method != http.MethodPost:
				WriteError(w, notAllowed(http.MethodPost))
			case problem != nil:
				WriteError(w, problem)
			default:
				write(w, http.StatusOK, "application/json", exampleOf(a))
			}
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { WriteError(w, notFound(r.URL.Path)) })
	return mux
}

func exampleOf(a Action) any {
	switch a {
	case Validate:
		return exampleValidate
	case Sign:
		return exampleSign
	case Static:
		static := exampleCredentials
		static.Type, static.AccessKeyID = "static", "AKIAIOSFODNN7EXAMPLE"
		return static
	}
	return exampleCredentials
}
