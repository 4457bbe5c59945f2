package query

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// Tag is a tag of an IAM resource or of a session.
type Tag struct{ Key, Value string }

// maxTags is the quota of tags of an IAM resource and of a session (IAM User Guide, "IAM and AWS STS quotas").
const maxTags = 50

// TagKey is what the key of a tag must satisfy.
var TagKey = Constraint{Required: true, Min: 1, Max: 128, Pattern: NewPattern(`[\p{L}\p{Z}\p{N}_.:/=+\-@]+`)}

var tagValue = Constraint{Required: true, Max: 256, Pattern: NewPattern(`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`)}

// CheckTags checks tags by themselves and together: their number and form, that no key is there twice, whatever its
// case, and that none is of AWS's own. Its errors are of type *wire.Refusal.
func CheckTags(tags []Tag) error {
	if len(tags) > maxTags {
		return Invalid(fault("Tags", "Member must have length less than or equal to "+strconv.Itoa(maxTags)))
	}
	var problems []string
	seen := make(map[string]bool, len(tags))
	for i, t := range tags {
		member := "Tags.member." + strconv.Itoa(i+1)
		problems = append(problems, TagKey.Check(member+".Key", t.Key), tagValue.Check(member+".Value", t.Value))
		key := strings.ToLower(t.Key)
		if seen[key] {
			return &wire.Refusal{
				Status: 400, Code: "InvalidInput",
				Message: "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
				Remedy:  "send each key once",
			}
		}
		seen[key] = true
		if strings.HasPrefix(key, "aws:") {
			problems = append(problems, fault(member+".Key", "Member must not begin with aws:"))
		}
	}
	return Invalid(problems...)
}

// TagMap answers tags as the account keeps them.
func TagMap(tags []Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

// MergeTags answers old with added; a tag replaces one whose key differs at most in case.
func MergeTags(old, added map[string]string) map[string]string {
	keys := slices.Collect(maps.Keys(added))
	merged := WithoutTags(old, keys)
	maps.Copy(merged, added)
	return merged
}

// WithoutTags answers old without the tags of the given keys, whatever their case.
func WithoutTags(old map[string]string, keys []string) map[string]string {
	rest := make(map[string]string, len(old))
	for key, value := range old {
		if !slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, key) }) {
			rest[key] = value
		}
	}
	return rest
}

// ValidTag reports whether a key and a value make a tag.
func ValidTag(key, value string) bool {
	return TagKey.Check("Key", key) == "" && tagValue.Check("Value", value) == ""
}
