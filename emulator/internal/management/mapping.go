package management

import (
	"regexp"
	"slices"
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

// mappingOfAField is the model's AttributeMapping.
type mappingOfAField struct {
	Field string        `json:"certificateField"`
	Rules []mappingRule `json:"mappingRules"`
}

// mappingRule is the model's MappingRule.
type mappingRule struct {
	Specifier string `json:"specifier"`
}

func detailMappings(mappings []account.AttributeMapping) []mappingOfAField {
	details := make([]mappingOfAField, len(mappings))
	for i, m := range mappings {
		rules := make([]mappingRule, len(m.Specifiers))
		for j, s := range m.Specifiers {
			rules[j] = mappingRule{s}
		}
		details[i] = mappingOfAField{m.Field, rules}
	}
	return details
}

const fieldSAN = "x509SAN"

var (
	certificateField = limits{values: []string{"x509Subject", "x509Issuer", fieldSAN}}
	specifier        = limits{max: 60}
)

// putAttributeMapping replaces the rules of one certificate field.
func putAttributeMapping(r *request) (any, error) {
	field := value(r.body.text("certificateField", certificateField.required()), "")
	rules := r.body.objects("mappingRules", limits{}.required())
	specifiers := make([]string, len(rules))
	for i, rule := range rules {
		specifiers[i] = value(rule.text("specifier", specifier.required()), "")
	}
	id, err := profiles.admit(r)
	if err != nil {
		return nil, err
	}
	for _, s := range specifiers {
		if err := checkSpecifier(field, s); err != nil {
			return nil, err
		}
	}
	return changeMapping(r, id, field, func([]string) []string { return specifiers })
}

// deleteAttributeMapping removes some rules of one certificate field, or all when it names none.
func deleteAttributeMapping(r *request) (any, error) {
	field := value(r.query.text("certificateField", certificateField.required()), "")
	specifiers := r.query.texts("specifiers", limits{}, specifier)
	id, err := profiles.admit(r)
	if err != nil {
		return nil, err
	}
	return changeMapping(r, id, field, func(old []string) []string {
		if len(specifiers) == 0 {
			return nil
		}
		return slices.DeleteFunc(slices.Clone(old), func(s string) bool { return slices.Contains(specifiers, s) })
	})
}

// changeMapping changes the specifiers of one field. A field without any is left out of the profile; the others are kept
// in the order of their names.
func changeMapping(r *request, id, field string, change func([]string) []string) (any, error) {
	return profiles.change(r, id, func(_ *account.State, p *account.Profile) error {
		var old []string
		mappings := make([]account.AttributeMapping, 0, len(p.AttributeMappings)+1)
		for _, m := range p.AttributeMappings {
			if m.Field == field {
				old = m.Specifiers
				continue
			}
			mappings = append(mappings, m)
		}
		if specifiers := change(old); len(specifiers) > 0 {
			mappings = append(mappings, account.AttributeMapping{Field: field, Specifiers: specifiers})
		}
		slices.SortFunc(mappings, func(a, b account.AttributeMapping) int { return strings.Compare(a.Field, b.Field) })
		p.AttributeMappings = mappings
		return nil
	})
}

// The specifiers that the User Guide gives a meaning ("Attribute mapping"): of a distinguished name the wildcard, short
// names and OIDs; of a subject alternative name DNS and URI, also the n-th of them, and the attributes of a directory
// name. AWS may accept more and map nothing by it.
var (
	nameSpecifier = regexp.MustCompile(`^(\*|[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+)$`)
	sanSpecifier  = regexp.MustCompile(`^((DNS|URI)(/[1-9][0-9]*)?|Name(/(\*|[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+)?)?)$`)
)

func checkSpecifier(field, specifier string) error {
	if field == fieldSAN {
		if sanSpecifier.MatchString(specifier) {
			return nil
		}
		return invalid("Invalid specifier for x509SAN.", "the specifier selects nothing of a subject alternative name",
			"use DNS, URI, DNS/2, Name/* or Name/CN")
	}
	if nameSpecifier.MatchString(specifier) {
		return nil
	}
	return invalid("Invalid specifier for "+field+".", "the specifier selects nothing of a distinguished name",
		"use *, a short name such as CN, or an OID such as 2.5.4.3")
}
