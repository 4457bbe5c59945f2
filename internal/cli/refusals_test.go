package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/secret"
)

// requestIDForm is what the emulator calls requests.
var requestIDForm = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// dayForm is a day, but for the part of a second that a Date header leaves out.
var dayForm = regexp.MustCompile(`24h0m0s|23h59m5\ds`)

// refusal is one way to be refused, by a sentence.
type refusal struct {
	name        string
	arguments   string // of awsauth
	environment []string
	stdin       string
	code        int
	message     string // the first line on standard error
	hint        string // the second, after "awsauth: hint: "
}

const (
	staticHelp   = "awsauth get static --help"
	sessionHelp  = "awsauth get session --help"
	emulatorHelp = "awsauth emulator --help"
	uriHelp      = "--certificate file:leaf.pem?key=leaf.key&chain=intermediates.pem or file:client.p12"
	someProfile  = "arn:aws:rolesanywhere:eu-west-1:123456789012:profile/ID"
	someAnchor   = "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/ID"
	someStatic   = "get static --access-key-id AKIAIOSFODNN7EXAMPLE "
	pathHint     = "check the path; a relative one begins at the working directory"
	secretForms  = secret.References
	portalHint   = "a proxy or captive portal answers in AWS's place: sign in to it, or set HTTPS_PROXY or NO_PROXY"
)

func parameterRefusals() []refusal {
	return []refusal{
		{
			name: "nothing given at all is told all at once", arguments: "get session", code: ExitUsage,
			message: "get session: 4 parameters cannot be used\n" +
				"  --role-arn is required, as arn:aws:iam::123456789012:role/NAME\n" +
				"  --profile-arn is required, as " + someProfile + "\n" +
				"  --trust-anchor-arn is required, as " + someAnchor + "\n" +
				"  --certificate is required: a certificate and its private key",
			hint: sessionHelp,
		},
		{
			name: "a role's place holds a user", arguments: "get $SESSION --role-arn arn:aws:iam::123456789012:user/backup", code: ExitUsage,
			message: "get session: --role-arn is the ARN of something else: use one as arn:aws:iam::123456789012:role/NAME",
			hint:    sessionHelp,
		},
		{
			name: "profile and trust anchor have changed places", arguments: "get $SESSION --profile-arn $ANCHOR --trust-anchor-arn $PROFILE", code: ExitUsage,
			message: "get session: 2 parameters cannot be used\n" +
				"  --profile-arn is the ARN of a trust anchor: use one as " + someProfile + "\n" +
				"  --trust-anchor-arn is the ARN of a profile: use one as " + someAnchor,
			hint: sessionHelp,
		},
		{
			name: "a name is not an ARN", arguments: "get $SESSION --role-arn backup", code: ExitUsage,
			message: "get session: --role-arn is not an ARN, as arn:aws:iam::123456789012:role/NAME",
			hint:    sessionHelp,
		},
		{
			name: "an ARN without an account", arguments: "get $SESSION --role-arn arn:aws:iam::1234:role/backup", code: ExitUsage,
			message: "get session: --role-arn has no account of 12 digits: use one as arn:aws:iam::123456789012:role/NAME",
			hint:    sessionHelp,
		},
		{
			name: "a role of another account", arguments: "get $SESSION --role-arn arn:aws:iam::210987654321:role/backup", code: ExitUsage,
			message: "get session: --role-arn is of account 210987654321, and --trust-anchor-arn of 123456789012: they must be the same",
			hint:    sessionHelp,
		},
		{
			name: "a role of another partition", arguments: "get $SESSION --role-arn arn:aws-cn:iam::123456789012:role/backup", code: ExitUsage,
			message: "get session: --role-arn is of partition aws-cn, and --trust-anchor-arn of aws: they must be the same",
			hint:    sessionHelp,
		},
		{
			name: "a role with a region", arguments: "get $SESSION --role-arn arn:aws:iam:eu-west-1:123456789012:role/backup", code: ExitUsage,
			message: "get session: --role-arn has a region, which roles do not have: use one as arn:aws:iam::123456789012:role/NAME",
			hint:    sessionHelp,
		},
		{
			name: "a profile of another region", arguments: "get $SESSION --profile-arn arn:aws:rolesanywhere:us-east-1:123456789012:profile/x", code: ExitUsage,
			message: "get session: --profile-arn is of region us-east-1, and --trust-anchor-arn of eu-west-1: they must be the same",
			hint:    sessionHelp,
		},
		{
			name: "a region that is not the trust anchor's", arguments: "get $SESSION --region us-east-1", code: ExitUsage,
			message: "get session: --region is us-east-1, and --trust-anchor-arn of eu-west-1: they must be the same",
			hint:    sessionHelp,
		},
		{
			name: "a region that is none", arguments: "get $SESSION --region Ireland", code: ExitUsage,
			message: "get session: --region has no usable region: a region looks like eu-west-1",
			hint:    sessionHelp,
		},
		{
			name: "a session of five minutes", arguments: "get $SESSION --duration 5m", code: ExitUsage,
			message: "get session: --duration is 5m: use whole seconds from 15m to 12h",
			hint:    sessionHelp,
		},
		{
			name: "a session of a day", arguments: "get $SESSION --duration 24h", code: ExitUsage,
			message: "get session: --duration is 24h: use whole seconds from 15m to 12h",
			hint:    sessionHelp,
		},
		{
			name: "a duration without a unit", arguments: "get $SESSION --duration 3600", code: ExitUsage,
			message: "get session: --duration is not a duration: write it as 15m, 1h or 1h30m",
			hint:    sessionHelp,
		},
		{
			name: "a session name of one letter", arguments: "get $SESSION --session-name x", code: ExitUsage,
			message: "get session: --session-name has 1 characters: use 2 to 64",
			hint:    sessionHelp,
		},
		{
			name: "a session name with a slash", arguments: "get $SESSION --session-name a/b", code: ExitUsage,
			message: "get session: --session-name has other characters than letters, digits and _+=,.@-",
			hint:    sessionHelp,
		},
		{
			name: "an instance property without a value", arguments: "get $SESSION --instance-properties rack", code: ExitUsage,
			message: "get session: --instance-properties is not KEY=VALUE: separate several with commas, or repeat the flag",
			hint:    sessionHelp,
		},
		{
			name: "a session policy, which CreateSession does not take", arguments: "get $SESSION --session-policy {}", code: ExitUsage,
			message: "get session: --session-policy: CreateSession takes no session policy",
			hint:    "put it into the profile (aws rolesanywhere update-profile --session-policy), or assume a further role with it",
		},
		{
			name: "a parameter from a variable is told of the variable", arguments: "get $SESSION", code: ExitConfiguration,
			environment: []string{"AWSAUTH_SESSION_NAME=x"},
			message:     "get session: AWSAUTH_SESSION_NAME has 1 characters: use 2 to 64",
			hint:        sessionHelp,
		},
	}
}

func endpointRefusals() []refusal {
	return []refusal{
		{
			name: "http to another host", arguments: "get $SESSION --endpoint-url http://roles.example", code: ExitUsage,
			message: "get session: --endpoint-url: http is for loopback alone, and roles.example is not loopback: use https",
			hint:    sessionHelp,
		},
		{
			name: "an endpoint with a path", arguments: "get $SESSION --endpoint-url https://roles.example/sessions", code: ExitUsage,
			message: "get session: --endpoint-url: has a path or a query: give the scheme, host and port alone",
			hint:    sessionHelp,
		},
		{
			name: "an endpoint with a password", arguments: "get $SESSION --endpoint-url https://me:hunter2@roles.example", code: ExitUsage,
			message: "get session: --endpoint-url: has a user name or password, which is not sent",
			hint:    sessionHelp,
		},
		{
			name: "an endpoint that is no URL", arguments: "get $SESSION --endpoint-url localhost:9920", code: ExitUsage,
			message: "get session: --endpoint-url: not a URL: use https://HOST[:PORT], or http://127.0.0.1:PORT for an emulator",
			hint:    sessionHelp,
		},
		{
			name: "an endpoint of one's own and FIPS", arguments: "get $SESSION --use-fips-endpoint", code: ExitUsage,
			message: "get session: --endpoint-url: a URL of one's own does not go with FIPS or dual-stack, which pick AWS's",
			hint:    sessionHelp,
		},
		{
			name: "STS at an endpoint with a path", arguments: someStatic + "--endpoint-url https://sts.example/x", code: ExitUsage,
			message: "get static: --endpoint-url: has a path or a query: give the scheme, host and port alone",
			hint:    staticHelp,
		},
		{
			name: "STS in a region that is none", arguments: someStatic + "--region Ireland", code: ExitUsage,
			message: "get static: --region: not a region: a region looks like eu-west-1",
			hint:    staticHelp,
		},
		{
			name: "STS in a region that AWS_REGION gets wrong", arguments: someStatic, code: ExitConfiguration,
			environment: []string{"AWS_REGION=Ireland"},
			message:     "get static: AWS_REGION: not a region: a region looks like eu-west-1",
			hint:        "unset AWS_REGION, or correct it",
		},
		{
			name: "a CA bundle that is not there", arguments: "get $SESSION", code: ExitConfiguration,
			environment: []string{"AWS_CA_BUNDLE=$DIR/missing.pem"},
			message:     "get session: AWS_CA_BUNDLE: $DIR/missing.pem: no such file or directory",
			hint:        "name a file of CA certificates in PEM, or unset it",
		},
		{
			name: "a CA bundle without a certificate", arguments: someStatic + "--secret-access-key env:SECRET", code: ExitConfiguration,
			environment: []string{"AWS_CA_BUNDLE=$EMPTY"},
			message:     "get static: AWS_CA_BUNDLE: $EMPTY: no certificate in PEM",
			hint:        "name a file of CA certificates in PEM, or unset it",
		},
	}
}

func secretRefusals() []refusal {
	return []refusal{
		{
			name: "the secret itself as an argument", arguments: someStatic + "--secret-access-key wJalrXUtnFEMI/K7MDENG", code: ExitConfiguration,
			message: "get static: --secret-access-key: not a reference: use " + secretForms,
			hint:    "a secret is never an argument: it is named by " + secretForms,
		},
		{
			name: "the secret in the access key ID's place", arguments: "get static --access-key-id wJalrXUtnFEMI/K7MDENG --secret-access-key env:SECRET", code: ExitUsage,
			environment: []string{"SECRET=x"},
			message:     "get static: --access-key-id is not 16 to 128 capital letters and digits, as AKIA…; was the secret access key given in its place?",
			hint:        staticHelp,
		},
		{
			name: "a variable that is not set", arguments: someStatic + "--secret-access-key env:AWS_SECRET", code: ExitConfiguration,
			message: "get static: --secret-access-key: env:AWS_SECRET: the environment variable is not set",
			hint:    "a secret is named by " + secretForms,
		},
		{
			name: "a variable's value in place of its name", arguments: someStatic + "--secret-access-key env:wJalrXUtnFEMI", code: ExitConfiguration,
			message: "get static: --secret-access-key: env:: the environment variable is not set",
			hint:    "a secret is named by " + secretForms,
		},
		{
			name: "a file that is not there", arguments: someStatic + "--secret-access-key file:$DIR/missing", code: ExitConfiguration,
			message: "get static: --secret-access-key: file:$DIR/missing: no such file or directory",
			hint:    pathHint,
		},
		{
			name: "a file that everybody may read", arguments: someStatic + "--secret-access-key file:$OPEN", code: ExitConfiguration,
			message: "get static: --secret-access-key: file:$OPEN has mode 0644: others may read or write the file; chmod 600 $OPEN",
			hint:    "a secret's file is for its owner alone",
		},
		{
			name: "an empty file", arguments: someStatic + "--secret-access-key file:$EMPTY", code: ExitConfiguration,
			message: "get static: --secret-access-key: file:$EMPTY: is empty",
			hint:    "a secret is named by " + secretForms,
		},
		{
			name: "a directory", arguments: someStatic + "--secret-access-key file:$DIR", code: ExitConfiguration,
			message: "get static: --secret-access-key: file:$DIR: not a regular file",
			hint:    "a secret is named by " + secretForms,
		},
		{
			name: "standard input that ends at once", arguments: someStatic + "--secret-access-key -", code: ExitConfiguration,
			message: "get static: --secret-access-key: standard input: is empty",
			hint:    "a secret is named by " + secretForms,
		},
		{
			name: "two secrets from standard input", arguments: someStatic + "--secret-access-key - --session-token -", code: ExitUsage, stdin: "x",
			message: "get static: --secret-access-key and --session-token cannot both be read from standard input",
			hint:    staticHelp,
		},
		{
			name: "a temporary key without its token", arguments: "get static --access-key-id ASIAIOSFODNN7EXAMPLE --secret-access-key -", code: ExitUsage, stdin: "x",
			message: "get static: --session-token is required with an access key ID that begins with ASIA: such a key is temporary",
			hint:    staticHelp,
		},
		{
			name: "a long-term key with a token", arguments: someStatic + "--secret-access-key - --session-token env:TOKEN", code: ExitUsage, stdin: "x",
			environment: []string{"TOKEN=x"},
			message:     "get static: --session-token does not go with an access key ID that begins with AKIA: such a key is long-term",
			hint:        staticHelp,
		},
		{
			name: "a secret with a space", arguments: someStatic + "--secret-access-key -", code: ExitUsage, stdin: "x y",
			message: "get static: --secret-access-key has characters that none has: it is printable ASCII without spaces",
			hint:    staticHelp,
		},
		{
			name: "no secret", arguments: someStatic, code: ExitUsage,
			message: "get static: --secret-access-key is required",
			hint:    staticHelp,
		},
	}
}

func identityRefusals() []refusal {
	return []refusal{
		{
			name: "a certificate URI with another scheme", arguments: "get $SESSION --certificate https://ca.example/client.pem", code: ExitIdentity,
			message: "get session: --certificate: identity: unsupported format: the scheme of the certificate URI is not file; write file:client.p12 or file:client.pem?key=client.key&chain=chain.pem",
			hint:    sessionHelp,
		},
		{
			name: "a certificate URI with an unknown parameter", arguments: "get $SESSION --certificate file:client.pem?password=hunter2", code: ExitIdentity,
			message: "get session: --certificate: identity: not a usable certificate URI: the parameters are key and chain, each once, joined by &; a password is never one",
			hint:    uriHelp,
		},
		{
			name: "a bare path, which would be an identifier", arguments: "get $SESSION --certificate client.pem --store $DIR/none", code: ExitIdentity,
			message: `get session: certificate "client.pem": no certificate has this identifier: there is no certificate store at $DIR/none yet`,
			hint:    "awsauth certificate add IDENTIFIER FILE makes one; a certificate in files is named file:leaf.pem?key=leaf.key",
		},
		{
			name: "a certificate that is not there", arguments: "get $SESSION --certificate file:$DIR/missing.pem", code: ExitIdentity,
			message: `get session: identity "$DIR/missing.pem": no such file or directory`,
			hint:    pathHint,
		},
		{
			name: "a certificate without its key", arguments: "get $SESSION --certificate file:$EXPIRED_FILE", code: ExitIdentity,
			message: `get session: identity "$EXPIRED_FILE": no private key found: a PEM block PRIVATE KEY, a DER key or a PKCS#12 file is expected; a key in a file of its own must be named`,
			hint:    "name its file: --certificate 'file:leaf.pem?key=leaf.key'",
		},
		{
			name: "an expired certificate", arguments: "get $SESSION --certificate $EXPIRED", code: ExitIdentity,
			message: `get session: identity "$EXPIRED_FILE": certificate has expired: "CN=client" ended on $TODAY, 1 hour ago`,
			hint:    "renew the certificate; if it is not old, check this host's clock",
		},
		{
			name: "a CA in place of what it issued", arguments: "get $SESSION --certificate $AUTHORITY", code: ExitIdentity,
			message: `get session: identity "$AUTHORITY_FILE": certificate is a certificate authority, not an end entity: "CN=client" has CA:TRUE; use a certificate that it issued`,
			hint:    "use an end-entity certificate that this CA has issued",
		},
		{
			name: "the key of another certificate", arguments: "get $SESSION --certificate $MISMATCHED", code: ExitIdentity,
			message: `get session: identity "$MISMATCHED_KEY": key does not match certificate: the private key belongs to none of "CN=client" (serial number $SERIAL)`,
			hint:    "give the private key that was made with this certificate's request",
		},
		{
			name: "a certificate that is not for signing", arguments: "get $SESSION --certificate $NOUSAGE", code: ExitIdentity,
			message: `get session: identity "$NOUSAGE_FILE": certificate lacks key usage digitalSignature: "CN=client" must be issued with it`,
			hint:    "have the certificate issued anew with key usage digitalSignature",
		},
		{
			name: "a wrong password", arguments: "get $SESSION --certificate file:$P12 --certificate-password env:PASSWORD", code: ExitIdentity,
			environment: []string{"PASSWORD=hunter2"},
			message:     `get session: identity "$P12": wrong password: or the encrypted part is damaged`,
			hint:        "check the password, and that it belongs to this file",
		},
		{
			name: "a password that nobody can be asked for", arguments: "get $SESSION --certificate file:$P12", code: ExitIdentity,
			message: `get session: identity "$P12": password required: the file is encrypted, or it is damaged`,
			hint:    "--certificate-password file:PATH or env:NAME, or run it on a terminal to be asked",
		},
		{
			name: "a password whose variable is not set", arguments: "get $SESSION --certificate file:$P12 --certificate-password env:PASSWORD", code: ExitConfiguration,
			message: `get session: --certificate-password: env:PASSWORD: the environment variable is not set`,
			hint:    "a secret is named by " + secretForms,
		},
	}
}

func answerRefusals() []refusal {
	return []refusal{
		{
			name: "a certificate of another CA is refused by AWS", arguments: "get $SESSION --certificate $UNKNOWN_CA", code: ExitRefused,
			message: `get session: create session: AccessDeniedException: Untrusted signing certificate (status 403, request ID)`,
			hint:    `no path leads from the certificate to the trust anchor; what was sent ends at an issuer "CN=Unknown CA"; use the trust anchor that holds this CA, or add the intermediates that are missing`,
		},
		{
			name: "a closed port", arguments: "get $SESSION --endpoint-url $CLOSED", code: ExitUnreachable,
			message: "get session: create session: $CLOSED_HOST: connection refused",
			hint:    "check that the endpoint is right and reachable from here",
		},
		{
			name: "a closed port that a variable names", code: ExitUnreachable,
			arguments:   "get session --certificate $CLIENT --role-arn $ROLE --profile-arn $PROFILE --trust-anchor-arn $ANCHOR",
			environment: []string{"AWS_ENDPOINT_URL=$CLOSED"},
			message:     "get session: create session: $CLOSED_HOST: connection refused",
			hint:        "AWS_ENDPOINT_URL points there: start what it names, or unset it",
		},
		{
			name: "a proxy that does not listen", code: ExitUnreachable,
			arguments:   "get session --certificate $CLIENT --role-arn $ROLE --profile-arn $PROFILE --trust-anchor-arn $ANCHOR",
			environment: []string{"HTTPS_PROXY=http://me:hunter2@$CLOSED_HOST"},
			message:     "get session: create session: rolesanywhere.eu-west-1.amazonaws.com: the proxy cannot be reached: connection refused",
			hint:        "check HTTPS_PROXY and NO_PROXY",
		},
		{
			name: "a captive portal's page", arguments: "get $SESSION --endpoint-url $PORTAL", code: ExitUnreachable,
			message: "get session: create session: $PORTAL_HOST: the answer (status 200, text/html, Server: Portal/1.0) is not JSON",
			hint:    portalHint,
		},
		{
			name: "a redirect", arguments: "get $SESSION --endpoint-url $REDIRECT", code: ExitUnreachable,
			message: "get session: create session: $REDIRECT_HOST: the answer (status 302, no content type) is a redirect, which Roles Anywhere never answers",
			hint:    portalHint,
		},
		{
			name: "an answer without credentials", arguments: "get $SESSION --endpoint-url $NONSENSE", code: ExitUnreachable,
			message: "get session: create session: $NONSENSE_HOST: the answer (status 201) is refused: it has 0 credential sets in place of one",
			hint:    "nothing was used of it; check what answers at this endpoint",
		},
		{
			name: "an answer that is cut off, again and again", arguments: "get $SESSION --endpoint-url $CUT", code: ExitUnreachable,
			message: "get session: create session: $CUT_HOST: the connection was cut before the answer was complete",
			hint:    "check the network, the firewall and HTTPS_PROXY",
		},
		{
			name: "a clock that is a day off", arguments: "get $SESSION --endpoint-url $TOMORROW", code: ExitRefused,
			message: "get session: create session: AccessDeniedException: Signature expired (status 403)",
			hint:    "this host's clock is A DAY behind AWS's; set it right, and keep it so with NTP",
		},
		{
			name: "a refusal with control characters for the terminal", arguments: "get $SESSION --endpoint-url $TERMINAL", code: ExitRefused,
			message: "get session: create session: AccessDeniedException:  ]0;owned  access denied (status 403)",
		},
		{
			name: "STS on a closed port", arguments: someStatic + "--secret-access-key - --verify --endpoint-url $CLOSED", code: ExitUnreachable, stdin: "x",
			message: "get static: STS cannot be reached at $CLOSED/: connection refused",
			hint:    "check the network, HTTPS_PROXY and --endpoint-url",
		},
		{
			name: "STS behind a captive portal", arguments: someStatic + "--secret-access-key - --verify --endpoint-url $PORTAL", code: ExitUnreachable, stdin: "x",
			message: "get static: STS cannot be reached: the answer (status 200) is not its own",
			hint:    "check the network, HTTPS_PROXY and --endpoint-url",
		},
		{
			name: "a refusal by STS with control characters for the terminal", arguments: someStatic + "--secret-access-key - --verify --endpoint-url $STS_TERMINAL", code: ExitRefused, stdin: "x",
			message: "get static: STS refused the credentials: Denied:  31m access denied",
			hint:    "look the access key up in the IAM console",
		},
		{
			name: "a key that STS does not know", arguments: someStatic + "--secret-access-key - --verify --endpoint-url $ENDPOINT", code: ExitRefused, stdin: "x",
			message: "get static: STS refused the credentials: InvalidClientTokenId: The security token included in the request is invalid.",
			hint:    "the access key does not exist or is inactive, or its session token is another's",
		},
	}
}

func commandRefusals() []refusal {
	return []refusal{
		{
			name: "an unknown format", arguments: "get $SESSION --format yaml", code: ExitUsage,
			message: "get session: --format is not one of env, fish, ini, json, powershell, process",
			hint:    sessionHelp,
		},
		{
			name: "an unknown format from a variable", arguments: "get $SESSION", code: ExitConfiguration,
			environment: []string{"AWSAUTH_FORMAT=yaml"},
			message:     "get session: AWSAUTH_FORMAT is not one of env, fish, ini, json, powershell, process",
			hint:        sessionHelp,
		},
		{
			name: "a mistyped flag", arguments: "get session --certficate x", code: ExitUsage,
			message: "get session: unknown flag --certficate",
			hint:    "did you mean --certificate? awsauth get session --help lists the flags",
		},
		{
			name: "the beginning of a flag", arguments: "get session --profile x", code: ExitUsage,
			message: "get session: unknown flag --profile",
			hint:    "did you mean --profile-arn? awsauth get session --help lists the flags",
		},
		{
			name: "a mistyped command", arguments: "emulatr", code: ExitUsage,
			message: "emulatr: no command has this name",
			hint:    "did you mean emulator? awsauth --help lists the commands",
		},
		{
			name: "an argument too many", arguments: "get static AKIAIOSFODNN7EXAMPLE hunter2", code: ExitUsage,
			message: "get static: takes flags alone, and 2 arguments belong to no flag: is one missing its name, or quotes?",
			hint:    staticHelp,
		},
		{
			name: "a switch with a value that is none", arguments: "get session --verify=perhaps", code: ExitUsage,
			message: "get session: --verify takes true or false, or no value at all",
			hint:    sessionHelp,
		},
		{
			name: "an emulator of half an account", arguments: "emulator --account-id 1234", code: ExitUsage,
			message: "emulator: --account-id is not 12 digits",
			hint:    emulatorHelp,
		},
		{
			name: "an emulator of no region", arguments: "emulator --region Ireland", code: ExitUsage,
			message: "emulator: --region: not a region: a region looks like eu-west-1",
			hint:    emulatorHelp,
		},
		{
			name: "an emulator for everybody", arguments: "emulator --listen 0.0.0.0:0", code: ExitUsage,
			message: "emulator: --listen: the emulator listens on loopback alone: use 127.0.0.1:PORT or [::1]:PORT",
			hint:    emulatorHelp,
		},
		{
			name: "an emulator on a taken port", arguments: "emulator --listen $HOST", code: ExitConfiguration,
			message: "emulator: --listen $HOST: address already in use",
			hint:    "--listen 127.0.0.1:0 takes any free port",
		},
	}
}

var (
	linkForm    = regexp.MustCompile(` \(docs/errors\.md#(.*)\)`)
	headingForm = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// errorSections are the fragments that links to the error index may have.
func errorSections(t *testing.T) map[string]bool {
	t.Helper()
	index, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]bool{}
	for _, m := range headingForm.FindAllStringSubmatch(string(index), -1) {
		sections[slug(m[1])] = true
	}
	return sections
}

// Every mistake has one line that says what is wrong and one that says what to do, and writes nothing else.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	w.defective(t)
	w.hostile(t)
	sections := errorSections(t)
	w.names["EMPTY"] = w.file(t, "empty", "", 0o600)
	w.names["OPEN"] = w.file(t, "open", "hunter2\n", 0o644)
	w.describeDefects(t)
	for group, rows := range map[string][]refusal{
		"parameters": parameterRefusals(), "endpoints": endpointRefusals(), "secrets": secretRefusals(),
		"identities": identityRefusals(), "answers": answerRefusals(), "commands": commandRefusals(),
	} {
		for _, r := range rows {
			t.Run(group+"/"+r.name, func(t *testing.T) {
				t.Parallel()
				got := w.run(t.Context(), r.arguments, func(s *IO) { s.In = strings.NewReader(r.stdin) }, r.environment...)
				want := "awsauth: " + r.message + "\n"
				if r.hint != "" {
					want += "awsauth: hint: " + r.hint + " (docs/errors.md#SECTION)\n"
				}
				want = w.expand(want)
				for _, m := range linkForm.FindAllStringSubmatch(got.stderr, -1) {
					if !sections[m[1]] {
						t.Errorf("docs/errors.md has no section #%s", m[1])
					}
				}
				got.stderr = linkForm.ReplaceAllString(got.stderr, " (docs/errors.md#SECTION)")
				said := dayForm.ReplaceAllString(requestIDForm.ReplaceAllString(got.stderr, "ID"), "A DAY")
				if said != want {
					t.Errorf("standard error:\ngot\n%s\nwant\n%s", said, want)
				}
				if got.stdout != "" {
					t.Errorf("%d bytes on standard output, want none", len(got.stdout))
				}
				if got.code != r.code {
					t.Errorf("exit code %d, want %d", got.code, r.code)
				}
			})
		}
	}
}
