package management

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// maxTags is how many tags a resource may have: as many as the model lets one be created with.
const maxTags = 200

// tagged is a kind of resource that has tags; all kinds have.
type tagged interface {
	tags(s *account.State, id string) ([]account.Tag, bool)
	setTags(s *account.State, id string, tags []account.Tag)
}

// kinds are the kinds of resources by their names in ARNs.
var kinds = map[string]tagged{
	profiles.kind:     profiles,
	trustAnchors.kind: trustAnchors,
	crls.kind:         crls,
	subjects.kind:     subjects,
}

func listTagsForResource(r *request) (any, error) {
	arn := value(r.query.text("resourceArn", anyARN.required()), "")
	if err := r.admit(arn); err != nil {
		return nil, err
	}
	kind, id, err := r.parseARN(arn)
	if err != nil {
		return nil, err
	}
	var tags []account.Tag
	var found bool
	r.account.Read(func(s *account.State) { tags, found = kinds[kind].tags(s, id) })
	if !found {
		return nil, missing(kind, id)
	}
	return map[string]any{"tags": orEmpty(tags)}, nil
}

func tagResource(r *request) (any, error) {
	arn := value(r.body.text("resourceArn", anyARN.required()), "")
	added := r.tags("tags", tagItems.required())
	if err := r.admit(arn, requestTags(added)); err != nil {
		return nil, err
	}
	if err := checkTags(added); err != nil {
		return nil, err
	}
	return r.changeTags(arn, func(old []account.Tag) ([]account.Tag, error) {
		tags := slices.Clone(old)
		for _, t := range added {
			if i := slices.IndexFunc(tags, func(o account.Tag) bool { return o.Key == t.Key }); i >= 0 {
				tags[i] = t
			} else {
				tags = append(tags, t)
			}
		}
		if len(tags) > maxTags {
			return nil, &wire.Refusal{
				Status: http.StatusBadRequest, Code: "TooManyTagsException", Message: "Too many tags.",
				Reason: "the resource would have more than " + strconv.Itoa(maxTags) + " tags", Remedy: "remove tags first",
			}
		}
		return tags, nil
	})
}

func untagResource(r *request) (any, error) {
	arn := value(r.body.text("resourceArn", anyARN.required()), "")
	keys := r.body.texts("tagKeys", tagItems.required(), tagKey)
	if err := r.admit(arn, tagKeys(keys)); err != nil {
		return nil, err
	}
	return r.changeTags(arn, func(old []account.Tag) ([]account.Tag, error) {
		return slices.DeleteFunc(slices.Clone(old), func(t account.Tag) bool { return slices.Contains(keys, t.Key) }), nil
	})
}

func (r *request) changeTags(arn string, change func([]account.Tag) ([]account.Tag, error)) (any, error) {
	kind, id, err := r.parseARN(arn)
	if err != nil {
		return nil, err
	}
	err = r.account.Write(func(s *account.State) error {
		old, found := kinds[kind].tags(s, id)
		if !found {
			return missing(kind, id)
		}
		tags, err := change(old)
		if err != nil {
			return err
		}
		kinds[kind].setTags(s, id, tags)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return struct{}{}, nil
}

// tags reads a list of tags of the body.
func (r *request) tags(name string, list limits) []account.Tag {
	var tags []account.Tag
	for _, t := range r.body.objects(name, list) {
		tags = append(tags, account.Tag{
			Key:   value(t.text("key", tagKey.required()), ""),
			Value: value(t.text("value", tagValue.required()), ""),
		})
	}
	return tags
}

// checkTags checks what the model's constraints do not say (AWS General Reference, "Tag naming limits and requirements").
// The texts are ours.
func checkTags(tags []account.Tag) error {
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		if len(t.Key) >= 4 && strings.EqualFold(t.Key[:4], "aws:") {
			return invalid("Invalid tag key.", "keys that begin with aws: are reserved for AWS", "choose another key")
		}
		if seen[t.Key] {
			return invalid("Duplicate tag keys found.", "a resource has one value for a key", "give each key once")
		}
		seen[t.Key] = true
	}
	return nil
}

// tagsOf answers the tags of the resource with an ARN, none when there is no such resource.
func (r *request) tagsOf(arn string) (tags []account.Tag) {
	kind, id, err := r.parseARN(arn)
	if err != nil {
		return nil
	}
	r.account.Read(func(s *account.State) { tags, _ = kinds[kind].tags(s, id) })
	return tags
}

// parseARN takes the kind and the ID out of an ARN of this account and region.
func (r *request) parseARN(arn string) (kind, id string, err error) {
	resource, ours := strings.CutPrefix(arn, r.account.ARN("rolesanywhere", ""))
	kind, id, _ = strings.Cut(resource, "/")
	if !ours || kinds[kind] == nil || len(uuid.textProblems(id)) > 0 {
		return "", "", invalid("Invalid resourceArn.", "it is not the ARN of a Roles Anywhere resource of this account and region",
			"name the resource as "+trustAnchors.arn(r, "UUID"))
	}
	return kind, id, nil
}
