package createsession

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/awsauth-go/awsauth/sigv4x509"
)

// input holds CreateSession's parameters.
type input struct {
	ProfileARN         string
	RoleARN            string
	TrustAnchorARN     string
	Duration           time.Duration // zero when not asked for
	SessionName        string
	InstanceProperties map[string]string
}

// document is the body. Members that the service ignores are ignored here; durationSeconds may be a float, since Envoy
// sends 3600.0.
type document struct {
	profileARN, roleARN, trustAnchorARN string
	durationSeconds                     *float64
	roleSessionName                     *string
	instanceProperties                  map[string]string
}

// parseDocument reads the body, which may be empty. Names count as they are written: encoding/json would take
// DURATIONSECONDS too.
func parseDocument(body []byte) (d document, err error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return d, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return d, invalid("the body is not a JSON object", "", "send the parameters as one JSON object, or in the query")
	}
	for _, m := range []struct {
		name string
		to   any
	}{
		{"profileArn", &d.profileARN},
		{"roleArn", &d.roleARN},
		{"trustAnchorArn", &d.trustAnchorARN},
		{"durationSeconds", &d.durationSeconds},
		{"roleSessionName", &d.roleSessionName},
		{"instanceProperties", &d.instanceProperties},
	} {
		if raw, sent := members[m.name]; sent && json.Unmarshal(raw, m.to) != nil {
			return d, invalid("the body's "+m.name+" is of the wrong type", "", "send "+m.name+" as its type demands")
		}
	}
	return d, nil
}

// The limits of a session's duration.
const (
	minDuration = 900
	maxDuration = 43200
)

// arnForms are the patterns of the service model.
var arnForms = map[string]*regexp.Regexp{
	"profileArn":     regexp.MustCompile(`^arn:aws(-[^:]+)?:rolesanywhere(:.*){2}(:profile.*)$`),
	"roleArn":        regexp.MustCompile(`^arn:aws(-[^:]+)?:iam(:.*){2}(:role.*)$`),
	"trustAnchorArn": regexp.MustCompile(`^arn:aws(-[^:]+)?:rolesanywhere(:.*){2}(:trust-anchor.*)$`),
}

var sessionNameForm = regexp.MustCompile(`^[\w+=,.@-]*$`)

// parse reads the parameters and the signature's parts.
func (a *attempt) parse(r *http.Request, body []byte) error {
	if err := a.parseInput(r, body); err != nil {
		return err
	}
	signature, err := sigv4x509.Parse(r, body)
	if err != nil {
		return signatureRefusal(err)
	}
	a.signature, a.leaf = signature, signature.Certificate
	return nil
}

func signatureRefusal(err error) error {
	format := new(sigv4x509.FormatError)
	if !errors.As(err, &format) {
		return err
	}
	remedy := "send " + format.Part + " as the User Guide's \"Signing process\" describes it"
	if format.Part == "X-Amz-X509" || format.Part == "X-Amz-X509-Chain" {
		return invalid(format.Error(), "", remedy)
	}
	return denied(format.Error(), "", remedy)
}

func (a *attempt) parseInput(r *http.Request, body []byte) error {
	d, err := parseDocument(body)
	if err != nil {
		return err
	}
	// What does not parse must not be dropped: the signature covers it, and means something else by it.
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return invalid("The query string is malformed.",
			"a percent sign is not followed by two hexadecimal digits, or a semicolon is not escaped", "escape the query's values")
	}
	for _, p := range []struct {
		name   string
		inBody string
		to     *string
	}{
		{"profileArn", d.profileARN, &a.input.ProfileARN},
		{"roleArn", d.roleARN, &a.input.RoleARN},
		{"trustAnchorArn", d.trustAnchorARN, &a.input.TrustAnchorARN},
	} {
		value, err := onePlace(p.name, query[p.name], p.inBody)
		if err != nil {
			return err
		}
		*p.to = value
	}
	return a.parseOptions(d)
}

// onePlace reads an ARN from the query or the body: AWS documents both.
func onePlace(name string, inQuery []string, inBody string) (string, error) {
	value := inBody
	if len(inQuery) > 0 {
		value = inQuery[0]
	}
	switch {
	case len(inQuery) > 1:
		return "", invalid(name+" is given more than once in the query", "", "give "+name+" once")
	case inBody != "" && value != inBody:
		return "", invalid(name+" in the query is another than in the body", "", "give "+name+" once")
	case value == "":
		return "", invalid("1 validation error detected: Value at '"+name+"' failed to satisfy constraint: Member must not be null",
			"", "give "+name+" in the query or the body")
	case len(value) > 1011 || !arnForms[name].MatchString(value):
		return "", constraint(value, name, "Member must satisfy regular expression pattern: "+arnForms[name].String(),
			"give "+name+" as the Roles Anywhere or IAM console shows it")
	}
	return value, nil
}

func (a *attempt) parseOptions(d document) error {
	if d.durationSeconds != nil {
		n := *d.durationSeconds
		const remedy = "ask for 900 to 43200 seconds"
		shown := strconv.FormatFloat(n, 'f', -1, 64)
		switch {
		case n != math.Trunc(n):
			return invalid("durationSeconds is not a whole number", "", remedy)
		case n < minDuration:
			return constraint(shown, "durationSeconds", "Member must have value greater than or equal to 900", remedy)
		case n > maxDuration:
			return constraint(shown, "durationSeconds", "Member must have value less than or equal to 43200", remedy)
		}
		a.input.Duration = time.Duration(n) * time.Second
	}
	if d.roleSessionName != nil {
		name := *d.roleSessionName
		const remedy = "use 2 to 64 letters, digits and _+=,.@-"
		switch {
		case len(name) < 2:
			return constraint(name, "roleSessionName", "Member must have length greater than or equal to 2", remedy)
		case len(name) > 64:
			return constraint(name, "roleSessionName", "Member must have length less than or equal to 64", remedy)
		case !sessionNameForm.MatchString(name):
			return constraint(name, "roleSessionName", `Member must satisfy regular expression pattern: [\w+=,.@-]*`, remedy)
		}
		a.input.SessionName = name
	}
	bad := func(s string) bool { n := utf8.RuneCountInString(s); return n < 1 || n > 200 }
	for key, value := range d.instanceProperties {
		if bad(key) || bad(value) || len(d.instanceProperties) > 50 {
			return invalid("instanceProperties has more than 50 entries, or a key or value that does not have 1 to 200 characters",
				"", "send fewer or shorter properties")
		}
	}
	a.input.InstanceProperties = d.instanceProperties
	return nil
}
