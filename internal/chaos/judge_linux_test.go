package chaos

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// answered is what a door of the agent has answered.
type answered struct {
	begun, ended time.Time
	status       int
	header       http.Header
	body         []byte
	err          error
}

// given are credentials in the words of any door.
type given struct {
	Key     string
	Secret  string
	Token   string
	Expires time.Time
}

// understand reads credentials as a client does: the socket has names of its own, the other doors AWS's.
func understand(body []byte) (g given, err error) {
	var both struct {
		AccessKeyID     string `json:"access_key_id"`
		SecretAccessKey string `json:"secret_access_key"`
		SessionToken    string `json:"session_token"`
		Expiration      string `json:"expiration"`
		AWSKey          string `json:"AccessKeyId"`
		AWSSecret       string `json:"SecretAccessKey"`
		AWSToken        string `json:"Token"`
		// Expiration is in both, without case.
	}
	if err := json.Unmarshal(body, &both); err != nil {
		return given{}, err
	}
	g = given{Key: both.AccessKeyID + both.AWSKey, Secret: both.SecretAccessKey + both.AWSSecret, Token: both.SessionToken + both.AWSToken}
	if both.Expiration == "" {
		return g, nil
	}
	g.Expires, err = time.Parse(time.RFC3339Nano, both.Expiration)
	return g, err
}

// judge says what is wrong with an answer: it must be whole and good credentials, or 503 with a code and a time to ask again; and it
// must not be late.
func judge(door string, a answered, late time.Duration) (g given, problems []string) {
	wrong := func(format string, values ...any) { problems = append(problems, fmt.Sprintf(format, values...)) }
	if took := a.ended.Sub(a.begun); took > late {
		wrong("late: %s", took.Round(time.Millisecond))
	}
	if a.err != nil {
		wrong("no answer: %v", a.err)
		return g, problems
	}
	switch a.status {
	case http.StatusOK:
		g, err := understand(a.body)
		if err != nil {
			wrong("200 that is not understood")
			return g, problems
		}
		for name, value := range map[string]string{"access key ID": g.Key, "secret access key": g.Secret, "session token": g.Token} {
			if value == "" {
				wrong("200 without %s", name)
			}
		}
		switch {
		case g.Expires.IsZero():
			wrong("200 without an expiration")
		case !g.Expires.After(a.begun):
			wrong("200 with credentials that ended %s before they were asked for", a.begun.Sub(g.Expires).Round(time.Millisecond))
		}
		return g, problems
	case http.StatusServiceUnavailable:
		var refusal struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		}
		// The metadata service's errors are text, as EC2's.
		if door != "imds" && (json.Unmarshal(a.body, &refusal) != nil || refusal.Code == "" || refusal.Message == "") {
			wrong("503 without a code and a message")
		}
		if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || seconds < 1 {
			wrong("503 without a Retry-After")
		}
	default:
		wrong("status %d", a.status)
	}
	return g, problems
}
