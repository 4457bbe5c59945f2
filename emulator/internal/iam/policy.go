package iam

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/internal/policy"
)

// maxAttached is the quota of managed policies attached to a user or role.
const maxAttached = 10

func (k kind) putPolicy(r *request) (any, error) {
	policyName, text := r.String("PolicyName", policyName), r.String("PolicyDocument", document)
	return nil, k.change(r, nil, func(h *holder) error {
		if _, err := policy.ParseIdentity([]byte(text)); err != nil {
			return malformedPolicy(err)
		}
		changed := h.policies.WithInline(policyName, text)
		size := 0
		for _, other := range changed.Inline {
			size += policySize(other)
		}
		if size > k.maxInline {
			return policyTooLong(k.maxInline, k.noun+" "+h.name)
		}
		h.policies = changed
		return nil
	})
}

// policySize is the size of a policy as quotas count it: in characters, without white space.
func policySize(document string) int {
	return utf8.RuneCountInString(strings.Join(strings.FieldsFunc(document, unicode.IsSpace), ""))
}

type inlinePolicy struct {
	UserName       string `xml:",omitempty"`
	RoleName       string `xml:",omitempty"`
	PolicyName     string
	PolicyDocument string
}

func (k kind) getPolicy(r *request) (any, error) {
	policyName := r.String("PolicyName", policyName)
	h, err := k.look(r)
	if err != nil {
		return nil, err
	}
	text, found := h.policies.Inline[policyName]
	if !found {
		return nil, k.missingPolicy(policyName)
	}
	answer := inlinePolicy{PolicyName: policyName, PolicyDocument: encode(text)}
	if k.noun == users.noun {
		answer.UserName = h.name
	} else {
		answer.RoleName = h.name
	}
	return answer, nil
}

func (k kind) missingPolicy(name string) error {
	return noSuchEntity("The " + k.noun + " policy with name " + name + " cannot be found.")
}

type policyList struct {
	PolicyNames []string `xml:"PolicyNames>member"`
	page
}

func (k kind) listPolicies(r *request) (any, error) {
	w := r.window()
	h, err := k.look(r)
	if err != nil {
		return nil, err
	}
	names, p := cut(w, slices.Collect(maps.Keys(h.policies.Inline)), itself)
	return policyList{names, p}, nil
}

func (k kind) deletePolicy(r *request) (any, error) {
	policyName := r.String("PolicyName", policyName)
	return nil, k.change(r, nil, func(h *holder) error {
		if _, found := h.policies.Inline[policyName]; !found {
			return k.missingPolicy(policyName)
		}
		h.policies.Inline = maps.Clone(h.policies.Inline)
		delete(h.policies.Inline, policyName)
		return nil
	})
}

func (k kind) attachPolicy(r *request) (any, error) {
	arn := r.String("PolicyArn", policyARN)
	return nil, k.change(r, policyKey(arn), func(h *holder) error {
		if _, known := account.Managed[arn]; !known {
			return noSuchEntity("Policy " + arn + " does not exist or is not attachable.")
		}
		if slices.Contains(h.policies.Attached, arn) {
			return nil
		}
		if len(h.policies.Attached) == maxAttached {
			return quotaExceeded("PoliciesPer"+k.title, maxAttached)
		}
		h.policies.Attached = append(slices.Clip(h.policies.Attached), arn)
		return nil
	})
}

func (k kind) detachPolicy(r *request) (any, error) {
	arn := r.String("PolicyArn", policyARN)
	return nil, k.change(r, policyKey(arn), func(h *holder) error {
		i := slices.Index(h.policies.Attached, arn)
		if i < 0 {
			return noSuchEntity("Policy " + arn + " was not found.")
		}
		h.policies.Attached = slices.Delete(slices.Clone(h.policies.Attached), i, i+1)
		return nil
	})
}

// policyKey adds the condition key of the operations that attach and detach.
func policyKey(arn string) func(*policy.Context) {
	return func(x *policy.Context) { x.Set("iam:PolicyARN", arn) }
}

type attachedPolicy struct {
	PolicyName string
	PolicyARN  string `xml:"PolicyArn"`
}

type attachedList struct {
	AttachedPolicies []attachedPolicy `xml:"AttachedPolicies>member"`
	page
}

func (k kind) listAttached(r *request) (any, error) {
	w := r.window()
	h, err := k.look(r)
	if err != nil {
		return nil, err
	}
	arns, p := cut(w, slices.Clone(h.policies.Attached), itself)
	all := make([]attachedPolicy, len(arns))
	for i, arn := range arns {
		all[i] = attachedPolicy{arn[strings.LastIndexByte(arn, '/')+1:], arn}
	}
	return attachedList{all, p}, nil
}
