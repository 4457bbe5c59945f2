package rolesanywhere

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// Bounds of an expiration that is believed.
const (
	minLife    = time.Minute        // not asked of a loopback emulator, which issues sessions of seconds for tests
	maxLife    = 12 * time.Hour     // CreateSession's own maximum
	lifeLeeway = 5 * time.Minute    // clocks may differ by that much
	maxOffset  = 48 * time.Hour     // a clock farther off is not believed, or it would stretch what an expiration may be
	requestID  = "X-Amzn-Requestid" // as http.Header spells it
	errorType  = "X-Amzn-Errortype" // as http.Header spells it
)

// answer is what came back, not yet believed.
type answer struct {
	response *http.Response
	body     []byte
	received time.Time
}

// createSessionOutput is the answer's shape. Pointers tell what is missing.
type createSessionOutput struct {
	CredentialSet []struct {
		AssumedRoleUser *struct {
			ARN string `json:"arn"`
		} `json:"assumedRoleUser"`
		Credentials *struct {
			AccessKeyID     string `json:"accessKeyId"`
			SecretAccessKey string `json:"secretAccessKey"`
			SessionToken    string `json:"sessionToken"`
			Expiration      string `json:"expiration"`
		} `json:"credentials"`
		PackedPolicySize int    `json:"packedPolicySize"`
		RoleARN          string `json:"roleArn"`
		SourceIdentity   string `json:"sourceIdentity"`
	} `json:"credentialSet"`
	SubjectARN string `json:"subjectArn"`
}

var (
	accessKeyIDForm = regexp.MustCompile(`^\w{16,128}$`)
	// opaqueForm is what a secret access key and a session token are at most: nothing that breaks a header, a file or a
	// line of shell apart.
	opaqueForm = regexp.MustCompile(`^[!-~]+$`)
	// sessionNameForm is that of sts:AssumeRole's RoleSessionName.
	sessionNameForm = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
)

// read turns an answer into a session, a refusal, or a reason to distrust it.
func (c *call) read(a *answer) (*Session, error) {
	if len(a.body) > maxAnswer {
		return nil, c.distrust(a, fmt.Sprintf("it is longer than %d bytes", maxAnswer))
	}
	switch status := a.response.StatusCode; {
	case status == http.StatusOK || status == http.StatusCreated:
	case status >= 300 && status < 400:
		return nil, c.foreign(a, "a redirect, which Roles Anywhere never answers")
	case status >= 400 && status < 600:
		return nil, c.refusal(a)
	default:
		return nil, c.foreign(a, "none that Roles Anywhere gives")
	}
	if !a.isJSON() {
		return nil, c.foreign(a, "not JSON")
	}
	if problem := ambiguity(a.body); problem != "" {
		return nil, c.distrust(a, problem)
	}
	var out createSessionOutput
	if err := json.Unmarshal(a.body, &out); err != nil {
		return nil, c.distrust(a, "it is not the JSON of a CreateSession answer")
	}
	session, problem := c.check(&out, a)
	if problem != "" {
		return nil, c.distrust(a, problem)
	}
	session.RequestID = c.shown(a.response.Header.Get(requestID))
	session.ClockOffset, _ = c.clockOffset(a)
	return session, nil
}

// check answers the session, or what is wrong with the answer.
func (c *call) check(out *createSessionOutput, a *answer) (_ *Session, problem string) {
	if n := len(out.CredentialSet); n != 1 {
		return nil, fmt.Sprintf("it has %d credential sets in place of one", n)
	}
	set := out.CredentialSet[0]
	if set.Credentials == nil {
		return nil, "it has no credentials"
	}
	k := set.Credentials
	switch {
	case !accessKeyIDForm.MatchString(k.AccessKeyID):
		return nil, "its access key ID is missing or malformed"
	case !opaqueForm.MatchString(k.SecretAccessKey):
		return nil, "its secret access key is missing or malformed"
	case !opaqueForm.MatchString(k.SessionToken):
		return nil, "its session token is missing or malformed"
	}
	expires, err := time.Parse(time.RFC3339Nano, k.Expiration)
	if err != nil {
		return nil, "its expiration is missing or not a time of RFC 3339"
	}
	if problem := c.checkExpiration(expires, a); problem != "" {
		return nil, problem
	}
	assumed := ""
	if set.AssumedRoleUser != nil {
		assumed = set.AssumedRoleUser.ARN
	}
	role, err := arn.Parse(c.request.RoleARN)
	if err != nil {
		return nil, "the role asked for is not an ARN"
	}
	if problem := checkRole(role, set.RoleARN, assumed); problem != "" {
		return nil, problem
	}
	return &Session{
		Credentials: aws.Credentials{
			AccessKeyID:     k.AccessKeyID,
			SecretAccessKey: k.SecretAccessKey,
			SessionToken:    k.SessionToken,
			Source:          Source,
			CanExpire:       true,
			Expires:         expires.UTC(),
			AccountID:       role.AccountID,
		},
		AssumedRoleARN:   assumed,
		SubjectARN:       c.shown(out.SubjectARN),
		SourceIdentity:   c.shown(set.SourceIdentity),
		PackedPolicySize: set.PackedPolicySize,
	}, ""
}

// checkExpiration compares with the server's clock where it can be trusted.
func (c *call) checkExpiration(expires time.Time, a *answer) (problem string) {
	now, least := a.received, minLife
	if offset, _ := c.clockOffset(a); offset.Abs() <= maxOffset {
		now = now.Add(offset)
	}
	if IsLoopback(c.endpoint.Hostname()) {
		least = 0
	}
	life := expires.Sub(now)
	switch {
	case life <= 0:
		return "its credentials have expired already"
	case life < least:
		return "its credentials end within a minute"
	case life > maxLife+lifeLeeway:
		return "its credentials end later than any session may"
	case c.request.Duration > 0 && life > c.request.Duration+lifeLeeway:
		return "its credentials end later than was asked for" // or its Date is wrong, by which their end would be reckoned
	}
	return ""
}

// checkRole demands that the credentials are those of the role asked for: by the role's ARN, by the assumed role's, and
// by neither against it.
func checkRole(asked arn.ARN, given, assumed string) (problem string) {
	if given == "" && assumed == "" {
		return "it does not say whose credentials these are"
	}
	if given != "" && given != asked.String() {
		return "it is for another role than the one asked for"
	}
	if assumed == "" {
		return ""
	}
	name := asked.Resource[strings.LastIndexByte(asked.Resource, '/')+1:]
	user, err := arn.Parse(assumed)
	session, ours := strings.CutPrefix(user.Resource, "assumed-role/"+name+"/")
	if err != nil || user.Service != "sts" || user.Partition != asked.Partition || user.AccountID != asked.AccountID || !ours {
		return "it is for another role than the one asked for"
	}
	if user.Region != "" || !sessionNameForm.MatchString(session) {
		return "the assumed role's ARN is malformed"
	}
	return ""
}

// refusal reads an error answer.
func (c *call) refusal(a *answer) error {
	e := &Error{
		Status:    a.response.StatusCode,
		RequestID: c.shown(a.response.Header.Get(requestID)),
	}
	e.ClockOffset, _ = c.clockOffset(a)
	e.RetryAfter = retryAfter(a.response.Header, a.received.Add(e.ClockOffset))
	var body struct {
		Type         string `json:"__type"`
		Code         string `json:"code"`
		Message      string `json:"message"`
		Capital      string `json:"Message"`
		RetrySeconds int64  `json:"retryAfterSeconds"`
	}
	_ = json.Unmarshal(a.body, &body) // what is not understood has no code
	for _, code := range []string{a.response.Header.Get(errorType), body.Type, body.Code} {
		if e.Code = c.shown(bareCode(code)); e.Code != "" {
			break
		}
	}
	if e.Code == "" && e.Status < 500 && e.Status != http.StatusTooManyRequests {
		return c.foreign(a, "not an error that AWS sends")
	}
	e.Message = c.shown(cmp.Or(body.Message, body.Capital))
	if e.Code == "" {
		e.Code = cmp.Or(strings.ReplaceAll(http.StatusText(e.Status), " ", ""), "UnknownError")
	}
	e.RetryAfter = max(e.RetryAfter, time.Duration(min(max(body.RetrySeconds, 0), maxRetryAfter))*time.Second)
	return e
}

var codeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{1,63}$`)

// bareCode cuts what restJson1 allows around a code: "namespace#Code:http://…".
func bareCode(s string) string {
	s, _, _ = strings.Cut(s, ":")
	s = s[strings.LastIndexByte(s, '#')+1:]
	if !codeForm.MatchString(s) {
		return ""
	}
	return s
}

// maxRetryAfter bounds, in seconds, what a server may ask for: a day is longer than any caller waits.
const maxRetryAfter = 24 * 60 * 60

// retryAfter reads the header of that name: seconds, or a date (RFC 9110 section 10.2.3) by the server's clock.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(v, 10, 63); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, maxRetryAfter)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(at.Sub(now.Round(0)), 0), maxRetryAfter*time.Second)
	}
	return 0
}

// clockOffset answers how far the server's clock is ahead of ours. Only a server that TLS has authenticated is believed,
// or an emulator on loopback; and no answer that may come from a cache.
func (c *call) clockOffset(a *answer) (offset time.Duration, known bool) {
	if a.response.TLS == nil && !IsLoopback(c.endpoint.Hostname()) {
		return 0, false
	}
	if a.response.Header.Get("Age") != "" {
		return 0, false
	}
	date, err := http.ParseTime(a.response.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	// Date has whole seconds.
	if offset = date.Sub(a.received.Round(0)); offset.Abs() < 2*time.Second {
		offset = 0
	}
	return offset, true
}

func (a *answer) isJSON() bool {
	kind, _, err := mime.ParseMediaType(a.response.Header.Get("Content-Type"))
	if err == nil && (kind == "application/json" || strings.HasPrefix(kind, "application/x-amz-json-")) {
		return true
	}
	return bytes.HasPrefix(bytes.TrimSpace(a.body), []byte("{"))
}
