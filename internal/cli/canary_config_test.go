package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/config"
)

// The beginnings of files to which a case adds what is wrong.
const (
	staticBeginning  = "credentials:\n  x:\n    type: static\n    access_key_id: AKIAIOSFODNN7EXAMPLE\n"
	sessionBeginning = "credentials:\n  x:\n    type: session\n    role_arn: arn:aws:iam::123456789012:role/x\n" +
		"    profile_arn: arn:aws:rolesanywhere:eu-west-1:123456789012:profile/p\n" +
		"    trust_anchor_arn: arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/a\n    certificate: web\n"
	roleBeginning = staticBeginning + "    secret_access_key: env:K\n  y:\n    type: assume-role\n    source: x\n    role_arn: arn:aws:iam::123456789012:role/y\n"
)

// aroundSecret are files that are malformed around a secret, %s, or have it in the wrong place.
var aroundSecret = map[string]string{
	"a list that does not end":            "credentials: [\"%s\"",
	"a quote that does not end":           "credentials: \"%s",
	"a mapping that does not end":         "credentials: {x: {secret_access_key: '%s'",
	"a tab for indentation":               "credentials:\n\tx: '%s'\n",
	"text in place of the file":           "%s\n",
	"quoted text in place of the file":    "'%s'\n",
	"a list in place of the file":         "- '%s'\n",
	"two documents":                       "store: '%s'\n---\nstore: '%s'\n",
	"a key of the file":                   "'%s': x\n",
	"a key without quotes":                "%s: x\n",
	"a key twice":                         "'%s': a\n'%s': b\n",
	"an anchor":                           "store: &%s x\n",
	"an alias":                            "store: *%s\n",
	"a tag":                               "store: !%s x\n",
	"a directive":                         "%%%s 1\n---\nstore: a\n",
	"a merge":                             "credentials:\n  x:\n    <<: '%s'\n",
	"a name":                              "credentials:\n  '%s': {type: static}\n",
	"a credential as text":                "credentials:\n  x: '%s'\n",
	"credentials as text":                 "credentials: '%s'\n",
	"a key of a credential":               staticBeginning + "    '%s': x\n",
	"a key of a command":                  staticBeginning + "    secret_access_key: {'%s': [/bin/true]}\n",
	"a key beside command":                staticBeginning + "    secret_access_key: {command: [/bin/true], '%s': x}\n",
	"a command's program":                 staticBeginning + "    secret_access_key: {command: ['%s']}\n",
	"a command's text":                    staticBeginning + "    secret_access_key: {command: '%s'}\n",
	"an argument of a command that fails": staticBeginning + "    secret_access_key: {command: [/bin/false, '%s']}\n",
	"an argument of no program":           staticBeginning + "    secret_access_key: {command: [/nonexistent, '%s']}\n",
	"a variable in place of its name":     staticBeginning + "    secret_access_key: 'env:%s'\n",
	"a variable with a dollar":            staticBeginning + "    secret_access_key: 'env:$%s'\n",
	"an unknown scheme":                   staticBeginning + "    secret_access_key: 'vault:%s'\n",
	"a keyring's entry without a service": staticBeginning + "    secret_access_key: 'keyring:/%s'\n",
	"a systemd credential with a slash":   staticBeginning + "    secret_access_key: 'systemd:/%s'\n",
	"an unknown key beside a literal":     staticBeginning + "    secret_access_key: '%s'\n    colour: red\n",
	"a literal and a wrong key ID":        strings.Replace(staticBeginning, "AKIAIOSFODNN7EXAMPLE", "'%s'", 1) + "    secret_access_key: '%s'\n",
	"a literal of two lines":              staticBeginning + "    secret_access_key: |\n      %s\n      %s\n",
	"a literal that goes on":              staticBeginning + "    secret_access_key: '%s\n      %s'\n",
	"a literal after an error":            staticBeginning + "    region: ]\n    secret_access_key: '%s'\n",
	"a literal before an error":           staticBeginning + "    secret_access_key: '%s'\n    region: ]\n",
	"a literal in a line with an error":   staticBeginning + "    secret_access_key: '%s' x\n",
	"a literal without a space":           staticBeginning + "    secret_access_key:'%s'\n",
	"a token without a temporary key":     staticBeginning + "    secret_access_key: env:K\n    session_token: '%s\n",
	"a certificate's URI":                 strings.Replace(sessionBeginning, "web", "'file:a.p12?password=%s'", 1),
	"a password of a URL":                 sessionBeginning + "    endpoint_url: 'https://me:%s@aws.example'\n",
	"what a shell exports":                "export AWS_SECRET_ACCESS_KEY=%s\n",
	"a file of variables":                 "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nAWS_SECRET_ACCESS_KEY=%s\n",
	"a credentials file of AWS":           "[default]\naws_secret_access_key = %s\n",
	"a credential_process answer":         "{\"Version\": 1, \"SecretAccessKey\": \"%s\", \"SessionToken\": \"%s\"}\n",
	"a comment before an error":           "# %s\ncredentials: [\n",
	"bytes that are no UTF-8":             "store: \"\xff%s\"\n",
	"a zero byte":                         "store: \"%s\x00\"\n",
	"an escape that is none":              "store: \"\\q%s\"\n",
}

// showsConfig are the keys that are no secrets and take a text of nearly any form: config show shows it, and nothing else does.
var showsConfig = map[string]string{
	"certificate":         "an identifier or a URI",
	"instance_properties": "what the log of AWS shows as well",
	"tags":                "what the log of AWS shows as well",
	"session_policy":      "what the log of AWS shows as well",
	"external_id":         "no secret, says AWS: whoever may read the trust policy reads it",
}

// No message about a configuration repeats a secret that stands in it, whether it may stand there or not.
func TestNoMistakeInAConfigurationHasASecret(t *testing.T) {
	t.Parallel()
	c := newCanaries(t)
	path := c.file(t, "config.yaml", "", 0o600)
	commands := [][]string{
		{"config", "check"},
		{"config", "show", "--json"},
		{"config", "path"},
		{"config", "aws-profile", "x"},
		{"get", "x"},
		{"whoami", "y"},
		{"__complete", "get", ""},
	}
	files := 0
	shown := map[string]bool{} // keys of showsConfig that were
	try := func(name, key, text string, mode os.FileMode) {
		files++
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		for _, arguments := range commands {
			got := c.do(t.Context(), canaryRun{arguments: arguments, environment: map[string]string{
				"AWSAUTH_CONFIG": path, "AWS_ENDPOINT_URL": "$PORTAL", "XDG_DATA_HOME": c.dir, "XDG_CACHE_HOME": c.dir, "HOME": c.dir, "K": canaryKey,
			}})
			if arguments[0] == "get" && got.code == ExitDone {
				continue // it was asked for
			}
			if showsConfig[key] != "" && arguments[0] == "config" && arguments[1] == "show" && len(c.find([]byte(got.stdout))) > 0 {
				shown[key], got.stdout = true, ""
			}
			if found := c.find([]byte(got.stdout + "\n" + got.stderr)); len(found) > 0 {
				t.Errorf("%s: %q printed %v", name, arguments, found)
			}
		}
	}
	long := strings.ReplaceAll(c.keyPEM, "\n", "\n      ")
	for name, text := range aroundSecret {
		fill := func(canary string) string {
			return strings.ReplaceAll(strings.ReplaceAll(text, "%s", canary), "%%", "%")
		}
		try(name, "", fill(canaryKey), 0o600)
		if strings.Contains(name, "literal") || strings.Contains(name, "text") {
			try(name+", of several lines", "", fill(long), 0o600)
		}
	}
	try("a literal that others can read", "", staticBeginning+"    secret_access_key: '"+canaryKey+"'\n", 0o644)
	for _, k := range config.Keys {
		for kind, beginning := range map[string]string{config.TypeStatic: staticBeginning, config.TypeSession: sessionBeginning, config.TypeAssumeRole: roleBeginning} {
			values := []string{"'%s'", "['%s']", "{a: '%s'}", "{'%s': a}"}
			if !slices.Contains(k.Types, kind) {
				values = values[:1]
			}
			for _, value := range values {
				line := fmt.Sprintf("    %s: %s\n", k.Name, strings.ReplaceAll(value, "%s", canaryKey))
				try(k.Name+" is "+value, k.Name, withoutKey(beginning, k.Name)+line, 0o600)
			}
		}
	}
	for key := range showsConfig {
		if !shown[key] {
			t.Errorf("config show has not shown a %s: the test does not test", key)
		}
	}
	t.Logf("%d files, %d commands each", files, len(commands))
}

// withoutKey leaves out the last line that has a key.
func withoutKey(text, key string) string {
	lines := strings.SplitAfter(text, "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.HasPrefix(lines[i], "    "+key+":") {
			return strings.Join(slices.Delete(lines, i, i+1), "")
		}
	}
	return text
}
