// Package management is the management API of IAM Roles Anywhere (model 2018-05-10), without its front: trust anchors,
// profiles, certificate revocation lists, subjects, tags, attribute mappings and notification settings.
//
//	status, answer, err := management.Handle(a, call)
//
// It refuses what the model's constraints forbid and what the User Guide says is refused: CA certificates that are none,
// revocation lists that the trust anchor did not sign, roles of another account, quotas at their defaults.
//
// It cannot know what only AWS knows: the certificates of AWS Private CA, so that a trust anchor of that type is always
// refused; whether a CA is publicly trusted; whether a role exists. It limits no rate and fetches no distribution point.
// Deleting a trust anchor keeps its revocation lists, as nothing documented says that they go: they can be read and
// deleted, and no certificate is ever checked against them again. Where AWS's own text is not known the message is ours.
package management

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// operation is one operation of the API.
type operation struct {
	name    string
	method  string
	pattern string // of the path; a last or inner segment in braces is the ID of a resource
	status  int    // of success
	handle  func(*request) (any, error)
}

// operations are all that the model has. Single resources have singular paths, except for the attribute mappings.
var operations = []operation{
	{"CreateProfile", http.MethodPost, "/profiles", http.StatusCreated, createProfile},
	{"ListProfiles", http.MethodGet, "/profiles", http.StatusOK, listProfiles},
	{"GetProfile", http.MethodGet, "/profile/{profileId}", http.StatusOK, profiles.get},
	{"UpdateProfile", http.MethodPatch, "/profile/{profileId}", http.StatusOK, updateProfile},
	{"DeleteProfile", http.MethodDelete, "/profile/{profileId}", http.StatusOK, profiles.remove},
	{"EnableProfile", http.MethodPost, "/profile/{profileId}/enable", http.StatusOK, profiles.enable},
	{"DisableProfile", http.MethodPost, "/profile/{profileId}/disable", http.StatusOK, profiles.disable},
	{"PutAttributeMapping", http.MethodPut, "/profiles/{profileId}/mappings", http.StatusOK, putAttributeMapping},
	{"DeleteAttributeMapping", http.MethodDelete, "/profiles/{profileId}/mappings", http.StatusOK, deleteAttributeMapping},

	{"CreateTrustAnchor", http.MethodPost, "/trustanchors", http.StatusCreated, createTrustAnchor},
	{"ListTrustAnchors", http.MethodGet, "/trustanchors", http.StatusOK, listTrustAnchors},
	{"GetTrustAnchor", http.MethodGet, "/trustanchor/{trustAnchorId}", http.StatusOK, trustAnchors.get},
	{"UpdateTrustAnchor", http.MethodPatch, "/trustanchor/{trustAnchorId}", http.StatusOK, updateTrustAnchor},
	{"DeleteTrustAnchor", http.MethodDelete, "/trustanchor/{trustAnchorId}", http.StatusOK, trustAnchors.remove},
	{"EnableTrustAnchor", http.MethodPost, "/trustanchor/{trustAnchorId}/enable", http.StatusOK, trustAnchors.enable},
	{"DisableTrustAnchor", http.MethodPost, "/trustanchor/{trustAnchorId}/disable", http.StatusOK, trustAnchors.disable},
	{"PutNotificationSettings", http.MethodPatch, "/put-notifications-settings", http.StatusOK, putNotificationSettings},
	{"ResetNotificationSettings", http.MethodPatch, "/reset-notifications-settings", http.StatusOK, resetNotificationSettings},

	{"ImportCrl", http.MethodPost, "/crls", http.StatusCreated, importCRL},
	{"ListCrls", http.MethodGet, "/crls", http.StatusOK, listCRLs},
	{"GetCrl", http.MethodGet, "/crl/{crlId}", http.StatusOK, crls.get},
	{"UpdateCrl", http.MethodPatch, "/crl/{crlId}", http.StatusOK, updateCRL},
	{"DeleteCrl", http.MethodDelete, "/crl/{crlId}", http.StatusOK, crls.remove},
	{"EnableCrl", http.MethodPost, "/crl/{crlId}/enable", http.StatusOK, crls.enable},
	{"DisableCrl", http.MethodPost, "/crl/{crlId}/disable", http.StatusOK, crls.disable},

	{"GetSubject", http.MethodGet, "/subject/{subjectId}", http.StatusOK, subjects.get},
	{"ListSubjects", http.MethodGet, "/subjects", http.StatusOK, listSubjects},

	{"ListTagsForResource", http.MethodGet, "/ListTagsForResource", http.StatusOK, listTagsForResource},
	{"TagResource", http.MethodPost, "/TagResource", http.StatusCreated, tagResource},
	{"UntagResource", http.MethodPost, "/UntagResource", http.StatusOK, untagResource},
}

// Handle answers one authenticated request: with the HTTP status and what to write as JSON, or with an error. The error
// is a [*wire.Refusal] of status 400, 403 or 404, unless the state could not be saved.
func Handle(a *account.Account, c *wire.Call) (status int, answer any, err error) {
	op, path, found := route(c.HTTP.Method, c.HTTP.URL)
	if !found {
		return 0, nil, &wire.Refusal{
			Status:  http.StatusNotFound,
			Code:    "UnknownOperationException",
			Message: "No operation of Roles Anywhere has this method and path.",
			Remedy:  "single resources have singular paths such as /profile/{profileId}, collections plural ones",
		}
	}
	r := &request{account: a, call: c, operation: op.name, now: a.Now().UTC().Truncate(time.Microsecond)}
	r.path = r.members(path)
	if err := r.read(); err != nil {
		return 0, nil, err
	}
	answer, err = op.handle(r)
	if err != nil {
		return 0, nil, err
	}
	return op.status, answer, nil
}

// route finds the operation and the values of its path's variables.
func route(method string, u *url.URL) (operation, map[string]any, bool) {
	path := strings.Split(u.EscapedPath(), "/")
	for _, op := range operations {
		if op.method != method {
			continue
		}
		if values, ok := match(strings.Split(op.pattern, "/"), path); ok {
			return op, values, true
		}
	}
	return operation{}, nil, false
}

func match(pattern, path []string) (map[string]any, bool) {
	if len(pattern) != len(path) {
		return nil, false
	}
	values := map[string]any{}
	for i, segment := range pattern {
		got, err := url.PathUnescape(path[i])
		if err != nil {
			return nil, false
		}
		name, isVariable := strings.CutPrefix(segment, "{")
		switch {
		case isVariable && got != "":
			values[strings.TrimSuffix(name, "}")] = got
		case segment != got || isVariable:
			return nil, false
		}
	}
	return values, true
}
