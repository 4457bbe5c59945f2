package sts

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/query"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
	"github.com/awsauth-go/awsauth/internal/policy"
)

// maxPlainPolicies is how many characters a session's policy and the ARNs of its managed policies may have together.
const maxPlainPolicies = 2048

const maxPolicyARNs = 10

var (
	arn        = query.Constraint{Required: true, Min: 20, Max: 2048, Pattern: query.NewPattern(`[\x21-\x7E]+`)}
	document   = query.Constraint{Min: 1, Max: maxPlainPolicies, Pattern: query.Documents, Sensitive: true}
	externalID = query.Constraint{Min: 2, Max: 1224, Pattern: query.NewPattern(`[\w+=,.@:\/-]*`), Sensitive: true}
)

// assumption is what AssumeRole is asked for.
type assumption struct {
	roleARN     string
	sessionName string
	externalID  string // "" when not sent
	duration    time.Duration

	policy         string   // session policy, "" for none
	managed        []string // ARNs of managed session policies
	tags           map[string]string
	transitiveTags []string // keys of tags
	sourceIdentity string

	inherited map[string]string // transitive tags of the calling session
}

// readAssumption reads the parameters of AssumeRole and checks what can be checked without looking at the role.
func readAssumption(r *request) (*assumption, error) {
	name := sessionName
	name.Required = true
	in := &assumption{
		roleARN:        r.String("RoleArn", arn),
		sessionName:    r.String("RoleSessionName", name),
		externalID:     r.String("ExternalId", externalID),
		duration:       time.Duration(r.Int("DurationSeconds", durationSeconds)) * time.Second,
		policy:         r.String("Policy", document),
		managed:        r.Structs("PolicyArns", "arn", maxPolicyARNs, arn),
		transitiveTags: r.Strings("TransitiveTagKeys", maxTags, query.TagKey),
		sourceIdentity: r.String("SourceIdentity", sessionName),
	}
	tags := r.Tags("Tags")
	if err := r.Err(); err != nil {
		return nil, err
	}
	if err := query.CheckTags(tags); err != nil {
		return nil, err
	}
	in.tags = query.TagMap(tags)
	if !isRoleARN(in.roleARN) {
		return nil, query.ValidationError("Request ARN is invalid")
	}
	if r.Has("ProvidedContexts.member.1.ProviderArn") {
		return nil, query.ValidationError("ProvidedContexts are not supported")
	}
	if err := r.checkMFA(); err != nil {
		return nil, err
	}
	if err := in.checkPolicies(); err != nil {
		return nil, err
	}
	return in, in.inherit(r.call.Caller.Session)
}

// maxTags is the quota of tags of a session.
const maxTags = 50

func isRoleARN(s string) bool {
	parts := strings.SplitN(s, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && parts[2] == "iam" && parts[3] == "" && strings.HasPrefix(parts[5], "role/")
}

func (in *assumption) checkPolicies() error {
	if in.policy != "" {
		if _, err := policy.ParseIdentity([]byte(in.policy)); err != nil {
			return &wire.Refusal{
				Status: 400, Code: "MalformedPolicyDocument", Message: err.Error(), Remedy: "correct the session policy",
			}
		}
	}
	plain := utf8.RuneCountInString(in.policy)
	for _, m := range in.managed {
		if _, known := account.Managed[m]; !known {
			return &wire.Refusal{
				Status: 400, Code: "ValidationError", Message: "Policy " + m + " does not exist or is not attachable.",
				Reason: "the emulator has no such managed policy",
				Remedy: "use one of " + strings.Join(slices.Sorted(maps.Keys(account.Managed)), ", ") + ", or the Policy parameter",
			}
		}
		plain += len(m)
	}
	if plain > maxPlainPolicies {
		return &wire.Refusal{
			Status: 400, Code: "PackedPolicyTooLarge",
			Message: "The session policy and the ARNs of managed policies have more than 2048 characters together.",
			Remedy:  "shorten the session policy",
		}
	}
	return nil
}

// inherit takes over what a calling session hands down: its transitive tags and its source identity (IAM User Guide,
// "Chaining roles with session tags" and "Monitor and control actions taken with assumed roles").
func (in *assumption) inherit(caller *account.Session) error {
	for _, key := range in.transitiveTags {
		if _, sent := in.tags[key]; !sent {
			return &wire.Refusal{
				Status: 400, Code: "InvalidParameterValue",
				Message: "The specified transitive tag key must be included in the requested tags.",
				Remedy:  "pass the tag in Tags, or leave its key out of TransitiveTagKeys",
			}
		}
	}
	if caller == nil {
		return nil
	}
	in.inherited = make(map[string]string, len(caller.TransitiveTags))
	for _, key := range caller.TransitiveTags {
		in.inherited[key] = caller.Tags[key]
		if clashes := func(k string) bool { return strings.EqualFold(k, key) }; anyKey(in.tags, clashes) {
			return &wire.Refusal{
				Status: 400, Code: "InvalidParameterValue",
				Message: "One of the specified tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
				Reason:  "the calling session hands down the tag " + key, Remedy: "leave the tag out",
			}
		}
	}
	if n := len(in.tags) + len(in.inherited); n > maxTags {
		return &wire.Refusal{
			Status: 400, Code: "PackedPolicyTooLarge",
			Message: "A session has at most " + strconv.Itoa(maxTags) + " tags.",
			Reason:  strconv.Itoa(n) + " with those that the calling session hands down", Remedy: "pass fewer tags",
		}
	}
	if in.sourceIdentity == "" {
		in.sourceIdentity = caller.SourceIdentity
	}
	if caller.SourceIdentity != "" && in.sourceIdentity != caller.SourceIdentity {
		return &wire.Refusal{
			Status: 403, Code: "AccessDenied", Message: "The source identity of the calling session cannot be changed.",
			Reason: "the calling session has source identity " + caller.SourceIdentity, Remedy: "leave SourceIdentity out",
		}
	}
	return nil
}

func anyKey(m map[string]string, is func(string) bool) bool {
	for key := range m {
		if is(key) {
			return true
		}
	}
	return false
}

// allTags are the tags of the new session.
func (in *assumption) allTags() map[string]string { return query.MergeTags(in.inherited, in.tags) }
