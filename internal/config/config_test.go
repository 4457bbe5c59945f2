package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/awsauth-go/awsauth/internal/config"
)

const (
	profileARN = "arn:aws:rolesanywhere:eu-west-1:123456789012:profile/p"
	anchorARN  = "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/a"
	goodFile   = `defaults:
  profile_arn: ` + profileARN + `
  trust_anchor_arn: ` + anchorARN + `
credentials:
  backup:
    type: session
    role_arn: arn:aws:iam::123456789012:role/backup
    certificate: backup
  legacy:
    type: static
    access_key_id: AKIAIOSFODNN7EXAMPLE
    secret_access_key: keyring:awsauth/legacy
  archive:
    type: assume-role
    source: backup
    role_arn: arn:aws:iam::999988887777:role/archive
`
)

// write makes a file of a mode, and answers its path.
func write(t testing.TB, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return path
}

func load(path string) (*config.Config, error) {
	return config.Load([]config.File{{Path: path, Kind: "--config", Named: true}})
}

// session, role and static begin credentials to which a case adds what is wrong.
const (
	session = "credentials:\n  backup:\n    type: session\n    role_arn: arn:aws:iam::123456789012:role/backup\n    profile_arn: " + profileARN +
		"\n    trust_anchor_arn: " + anchorARN + "\n    certificate: backup\n"
	static = "credentials:\n  legacy:\n    type: static\n    access_key_id: AKIAIOSFODNN7EXAMPLE\n    secret_access_key: env:SECRET\n"
	role   = static + "  archive:\n    type: assume-role\n    source: legacy\n    role_arn: arn:aws:iam::123456789012:role/archive\n"
)

// malformed are files with their mistakes, a line each, after the file's name.
var malformed = []struct{ name, file, want string }{
	{"no YAML", "credentials: [", "1:1: not YAML: did not find expected node content"},
	{"a tab for indentation", "credentials:\n\tbackup:\n", "2:2: not YAML: a tab indents the line, and only spaces may"},
	{"a list in place of the file", "- backup\n", "1:1: is a list, and a mapping belongs here: a line KEY: VALUE for each"},
	{"text in place of the file", "backup\n", "1:1: is text, and a mapping belongs here: a line KEY: VALUE for each"},
	{"two documents", "store: a\n---\nstore: b\n", "1:1: more than one document: a file holds one, without a line ---"},
	{"an unknown key of the file", "credental: {}\n", "1:1: has an unknown key credental: did you mean credentials?"},
	{"an unknown key that is near none", "colour: red\n", "1:1: has an unknown key colour: known are store, defaults, credentials, agent"},
	{"a key that may be a secret", "wJalrXUtnFEMI/K7MDENG: x\n", "1:1: has an unknown key: known are store, defaults, credentials, agent"},
	{"a key twice", "store: a\nstore: b\n", "2:1: has the key store twice: it stands in line 1 already"},
	{"a key without a value", "credentials:\n", "1:13: credentials has no value: give one, or leave the key out"},
	{"an anchor", "store: &a x\n", "1:8: anchors and aliases (& and *) are not used here: write the value out; a value of many can stand in defaults"},
	{"a tag", "store: !!str x\n", "1:8: tags (!) are not used here: leave it out"},
	{"a list in place of text", "store: [x]\n", "1:8: store is a list, and text belongs here"},
	{"credentials as a list", "credentials: [backup]\n", "1:14: credentials is a list, and a mapping belongs here: a line KEY: VALUE for each"},
	{"a credential as text", "credentials:\n  backup: x\n", "2:11: credentials.backup is text, and a mapping belongs here: a line KEY: VALUE for each"},
	{"a name with a space", "credentials:\n  my backup: {type: static}\n", "2:14: credentials has a name that cannot be used: 1 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first"},
	{"a reserved name", strings.Replace(static, "legacy:", "static:", 1), "3:5: credentials.static has a name that awsauth get uses for something else: take another"},
	{"names that differ by case", static + "  LEGACY:\n    type: static\n    access_key_id: AKIAIOSFODNN7EXAMPLE\n    secret_access_key: env:S\n", "3:5: credentials.legacy differs from LEGACY by case alone: names are compared without it"},
	{"no type", "credentials:\n  backup: {region: eu-west-1}\n", "2:11: credentials.backup.type is missing: session, static or assume-role"},
	{"a type that is none", "credentials:\n  backup: {type: sesion}\n", "2:18: credentials.backup.type is none of session, static and assume-role"},
	{"an unknown key of a credential", session + "    durration: 1h\n", "8:5: credentials.backup has an unknown key durration: did you mean duration?"},
	{"a flag's spelling", session + "    session-name: x1\n", "8:5: credentials.backup has an unknown key session-name: did you mean session_name?"},
	{"a key of another type", static + "    role_arn: arn:aws:iam::123456789012:role/x\n", "6:15: credentials.legacy.role_arn does not belong to type static: it is for session and assume-role"},
	{"a key of a session in a role", role + "    certificate: backup\n", "10:18: credentials.archive.certificate does not belong to type assume-role: it is for session"},
	{"an ARN that is none", strings.Replace(session, "arn:aws:iam::123456789012:role/backup", "backup", 1), "4:15: credentials.backup.role_arn is not an ARN, as arn:aws:iam::123456789012:role/NAME"},
	{"the ARN of something else", strings.Replace(session, "role/backup", "user/backup", 1), "4:15: credentials.backup.role_arn is the ARN of something else: use one as arn:aws:iam::123456789012:role/NAME"},
	{"profile and trust anchor have changed places", strings.NewReplacer(profileARN, anchorARN, anchorARN, profileARN).Replace(session), "5:18: credentials.backup.profile_arn is the ARN of a trust anchor: use one as arn:aws:rolesanywhere:eu-west-1:123456789012:profile/ID\n" +
		"6:23: credentials.backup.trust_anchor_arn is the ARN of a profile: use one as arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/ID"},
	{"regions that disagree", strings.Replace(session, "eu-west-1:123456789012:profile", "us-east-1:123456789012:profile", 1), "5:18: credentials.backup.profile_arn is of region us-east-1, and trust_anchor_arn of eu-west-1: they must be the same"},
	{"accounts that disagree", strings.Replace(session, "iam::123456789012", "iam::210987654321", 1), "4:15: credentials.backup.role_arn is of account 210987654321, and trust_anchor_arn of 123456789012: they must be the same"},
	{"partitions that disagree", strings.Replace(session, "arn:aws:iam", "arn:aws-cn:iam", 1), "4:15: credentials.backup.role_arn is of partition aws-cn, and trust_anchor_arn of aws: they must be the same"},
	{"a region that is another's", session + "    region: us-east-1\n", "8:13: credentials.backup.region is us-east-1, and trust_anchor_arn of eu-west-1: they must be the same"},
	{"a region that is none", static + "    region: Ireland\n", "6:13: credentials.legacy.region has no usable region: a region looks like eu-west-1"},
	{"an account of four digits", strings.Replace(session, "iam::123456789012", "iam::1234", 1), "4:15: credentials.backup.role_arn has no account of 12 digits: use one as arn:aws:iam::123456789012:role/NAME"},
	{"no role", strings.Replace(session, "    role_arn: arn:aws:iam::123456789012:role/backup\n", "", 1), "3:5: credentials.backup.role_arn is required, as arn:aws:iam::123456789012:role/NAME"},
	{"no certificate", strings.Replace(session, "    certificate: backup\n", "", 1), "3:5: credentials.backup.certificate is required: a certificate and its private key"},
	{"a certificate's URI with a password", strings.Replace(session, "certificate: backup", "certificate: file:a.p12?password=x", 1), "7:18: credentials.backup.certificate cannot be used: not a usable certificate URI: the parameters are key and chain, each once, joined by &; a password is never one"},
	{"a duration that is too short", session + "    duration: 5m\n", "8:15: credentials.backup.duration is 5m: use whole seconds from 15m to 12h"},
	{"a duration that is too long", session + "    duration: 24h\n", "8:15: credentials.backup.duration is 24h: use whole seconds from 15m to 12h"},
	{"a duration of nothing", session + "    duration: 0s\n", "8:15: credentials.backup.duration is 0s: use whole seconds from 15m to 12h"},
	{"a duration in seconds alone", session + "    duration: 3600\n", "8:15: credentials.backup.duration is not a duration: write it as 15m, 1h or 1h30m"},
	{"a duration that is a list", session + "    duration: [1h]\n", "8:15: credentials.backup.duration is a list, and a duration, as 15m or 1h, belongs here"},
	{"a session name of one letter", session + "    session_name: x\n", "8:19: credentials.backup.session_name has 1 characters: use 2 to 64"},
	{"a session name with a slash", session + "    session_name: a/b\n", "8:19: credentials.backup.session_name has other characters than letters, digits and _+=,.@-"},
	{"a switch that is neither", session + "    use_fips_endpoint: yes\n", "8:24: credentials.backup.use_fips_endpoint is neither true nor false"},
	{"an endpoint over http", session + "    endpoint_url: http://roles.example\n", "8:19: credentials.backup.endpoint_url http is for loopback alone, and roles.example is not loopback: use https"},
	{"an STS with a path", static + "    endpoint_url: https://sts.example/x\n", "6:19: credentials.legacy.endpoint_url has a path or a query: give the scheme, host and port alone"},
	{"a secret in place of the access key ID", strings.Replace(static, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIK7MDENGbPxRfiCY", 1), "4:20: credentials.legacy.access_key_id is not 16 to 128 capital letters and digits, as AKIA…; was the secret access key given in its place?"},
	{"no secret", strings.Replace(static, "    secret_access_key: env:SECRET\n", "", 1), "3:5: credentials.legacy.secret_access_key is required"},
	{"a temporary key without a token", strings.Replace(static, "AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", 1), "3:5: credentials.legacy.session_token is required with an access key ID that begins with ASIA: such a key is temporary"},
	{"a reference of an unknown kind", strings.Replace(static, "env:SECRET", "vault:secret", 1), "5:24: credentials.legacy.secret_access_key is not a reference to a secret: use env:NAME, file:PATH, keyring:SERVICE/KEY, systemd:NAME or command: [/PROGRAM, ARGUMENT]"},
	{"standard input", strings.Replace(static, "env:SECRET", `"-"`, 1), "5:24: credentials.legacy.secret_access_key is not a reference to a secret: use env:NAME, file:PATH, keyring:SERVICE/KEY, systemd:NAME or command: [/PROGRAM, ARGUMENT]"},
	{"an empty secret", strings.Replace(static, "env:SECRET", `""`, 1), "5:24: credentials.legacy.secret_access_key is empty: use env:NAME, file:PATH, keyring:SERVICE/KEY, systemd:NAME or command: [/PROGRAM, ARGUMENT]"},
	{"a list in place of a reference", strings.Replace(static, "env:SECRET", "[a]", 1), "5:24: credentials.legacy.secret_access_key is not a reference to a secret: use env:NAME, file:PATH, keyring:SERVICE/KEY, systemd:NAME or command: [/PROGRAM, ARGUMENT]"},
	{"a command without a path", strings.Replace(static, "env:SECRET", "{command: [pass, show]}", 1), "5:24: credentials.legacy.secret_access_key is a command that does not begin with the absolute path of a program, as [/usr/bin/pass, show, aws]"},
	{"a key beside command", strings.Replace(static, "env:SECRET", "{command: [/bin/true], shell: x}", 1), "5:47: credentials.legacy.secret_access_key has an unknown key shell: known are command"},
	{"no source", strings.Replace(role, "    source: legacy\n", "", 1), "7:5: credentials.archive.source is required: the name of the credential that assumes the role"},
	{"a source that nobody has", strings.Replace(role, "source: legacy", "source: legcay", 1), "8:13: credentials.archive.source names no credential: did you mean legacy?"},
	{"a source of itself", strings.Replace(role, "source: legacy", "source: archive", 1), "8:13: credentials.archive.source leads back to itself: archive → archive"},
	{
		"two sources of each other", "credentials:\n  a: {type: assume-role, source: b, role_arn: 'arn:aws:iam::123456789012:role/x'}\n  b: {type: assume-role, source: A, role_arn: 'arn:aws:iam::123456789012:role/x'}\n",
		"2:34: credentials.a.source leads back to itself: a → b → a\n3:34: credentials.b.source leads back to itself: b → a → b",
	},
	{
		"a source that leads to two of each other", strings.Replace(role, "source: legacy", "source: a", 1) + "  a: {type: assume-role, source: b, role_arn: 'arn:aws:iam::123456789012:role/x'}\n  b: {type: assume-role, source: a, role_arn: 'arn:aws:iam::123456789012:role/x'}\n",
		"10:34: credentials.a.source leads back to itself: a → b → a\n11:34: credentials.b.source leads back to itself: b → a → b",
	},
	{"MFA", role + "    mfa_serial: arn:aws:iam::123456789012:mfa/x\n", "10:17: credentials.archive.mfa_serial cannot be used: MFA asks a person at every renewal, and these credentials renew themselves; have the role trust the source without it"},
	{"an external ID of one letter", role + "    external_id: x\n", "10:18: credentials.archive.external_id has 1 characters: use 2 to 1224"},
	{"a session policy that is no JSON", role + "    session_policy: allow\n", "10:21: credentials.archive.session_policy is not a JSON object"},
	{"a session policy as a list", role + "    session_policy: [x]\n", "10:21: credentials.archive.session_policy is neither a mapping nor JSON"},
	{"a policy's ARN that is none", role + "    policy_arns: [ReadOnlyAccess]\n", "10:18: credentials.archive.policy_arns has an entry (1) that is not the ARN of a policy, as arn:aws:iam::aws:policy/ReadOnlyAccess"},
	{"a tag of AWS's", role + "    tags: {aws:team: x}\n", "10:11: credentials.archive.tags has a key that begins with aws:, which AWS keeps for itself"},
	{"a transitive tag that is none", role + "    transitive_tags: [team]\n", "10:22: credentials.archive.transitive_tags has an entry (1) that is none of the keys in tags"},
	{"a source identity with a slash", role + "    source_identity: a/b\n", "10:22: credentials.archive.source_identity has other characters than letters, digits and _+=,.@-"},
	{"a chained duration above an hour", role + "    duration: 1h\n  third:\n    type: assume-role\n    source: archive\n    role_arn: arn:aws:iam::123456789012:role/x\n    duration: 2h\n", "15:15: credentials.third.duration is 2h: a role that another role assumes (archive) gives sessions of 1h at most, whatever its own limit"},
	{"what does not belong in defaults", "defaults:\n  source: x\n" + static, "2:11: defaults.source does not belong in defaults: give it to each credential"},
	{"a default that cannot be", "defaults:\n  duration: 5m\n" + session, "2:13: defaults.duration is 5m: use whole seconds from 15m to 12h"},
	{"a default that nobody uses yet", "defaults:\n  duration: 5m\n", "2:13: defaults.duration is 5m: use whole seconds from 15m to 12h"},
	{"an agent without anybody", static + "agent: {}\n", "6:8: agent.allow is missing: which user or group may have which credential, as backup: {users: [alice]}; or actions or update says who gets what"},
	{"an agent's unknown key", static + "agent: {alow: {}}\n", "6:8: agent.allow is missing: which user or group may have which credential, as backup: {users: [alice]}; or actions or update says who gets what\n6:9: agent has an unknown key alow: did you mean allow?"},
	{"an agent for a credential that nobody has", static + "agent: {allow: {legcay: {users: [root]}}}\n", "6:25: agent.allow.legcay names no credential: did you mean legacy?"},
	{"an agent that allows nobody", static + "agent: {allow: {legacy: {}}}\n", "6:25: agent.allow.legacy allows nobody: give users, groups or both"},
	{"an agent's user with a space", static + "agent: {allow: {legacy: {users: [alice, 'b c']}}}\n", "6:33: agent.allow.legacy.users has an entry (2) that is neither a name nor a number"},
	{"an agent for the network", static + "agent: {container: '0.0.0.0:9912', allow: {legacy: {users: [root]}}}\n", "6:20: agent.container is not an address of loopback, as 127.0.0.1:9912"},
	{"a metadata door for the network", static + "agent: {imds: {address: '0.0.0.0:9911', credential: legacy}, allow: {legacy: {users: [root]}}}\n", "6:25: agent.imds.address is not an address of loopback, as 127.0.0.1:9912"},
	{"a metadata door without a credential", static + "agent: {imds: {address: '127.0.0.1:9911'}, allow: {legacy: {users: [root]}}}\n", "6:15: agent.imds.credential is none of those in agent.allow"},
	{"metrics for the network", static + "agent: {health: '0.0.0.0:9914', allow: {legacy: {users: [root]}}}\n", "6:17: agent.health is not an address of loopback, as 127.0.0.1:9912"},
	{"actions without an address", static + "agent: {actions: {callers: {erp: {password: 'env:P'}}}}\n", "6:18: agent.actions.address is not an address with a port, as 127.0.0.1:9912"},
	{"actions without callers", static + "agent: {actions: {address: '127.0.0.1:9913'}}\n", "6:18: agent.actions.callers is missing: who may call, as erp: {password: 'file:/etc/awsauth/erp.password', credentials: [backup]}"},
	{"a caller without a password", static + "agent: {actions: {address: '127.0.0.1:9913', callers: {erp: {}}}}\n", "6:61: agent.actions.callers.erp.password is required: env:NAME, file:PATH, keyring:SERVICE/KEY, systemd:NAME or command: [/PROGRAM, ARGUMENT]"},
	{"a caller with a strange name", static + "agent: {actions: {address: '127.0.0.1:9913', callers: {'e p': {password: 'env:P'}}}}\n", "6:63: agent.actions.callers has a name that cannot be used: 1 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first"},
	{"a caller's unknown credential", static + "agent: {actions: {address: '127.0.0.1:9913', callers: {erp: {password: 'env:P', credentials: [legcay]}}}}\n", "6:94: agent.actions.callers.erp.credentials has an entry (1) that names no credential: did you mean legacy?"},
	{"a caller's unknown action", static + "agent: {actions: {address: '127.0.0.1:9913', callers: {erp: {password: 'env:P', actions: [sing]}}}}\n", "6:90: agent.actions.callers.erp.actions has an entry (1) that is none of static, session, validate, sign"},
	{"a caller's role without a certificate", static + "agent: {actions: {address: '127.0.0.1:9913', callers: {erp: {password: 'env:P', roles: ['arn:aws:iam::123456789012:role/r']}}}}\n", "6:61: agent.actions.callers.erp.certificates is missing: roles are assumed with one of them"},
	{"a caller's certificate without a role", static + "agent: {actions: {address: '127.0.0.1:9913', callers: {erp: {password: 'env:P', certificates: [c]}}}}\n", "6:61: agent.actions.callers.erp.roles is missing: certificates are for assuming one of them"},
	{"a caller's role that is none", static + "agent: {actions: {address: '127.0.0.1:9913', callers: {erp: {password: 'env:P', roles: [admin], certificates: [c]}}}}\n", "6:88: agent.actions.callers.erp.roles has an entry (1) that is not the ARN of a role, as arn:aws:iam::123456789012:role/NAME"},
	{"a caller's certificate in a file", static + "agent: {actions: {address: '127.0.0.1:9913', callers: {erp: {password: 'env:P', roles: ['arn:aws:iam::123456789012:role/r'], certificates: ['file:c.pem']}}}}\n", "6:140: agent.actions.callers.erp.certificates has an entry (1) that is no identifier of the store"},
	{"actions of an endpoint that is none", static + "agent: {actions: {address: '127.0.0.1:9913', endpoint_url: 'http://example.com', callers: {erp: {password: 'env:P'}}}}\n", "6:60: agent.actions.endpoint_url http is for loopback alone, and example.com is not loopback: use https"},
	{"a profile of no credential", static + "agent: {update: [{profile: p}]}\n", "6:18: agent.update[0].credential is required: the name of the credential"},
	{"a profile of an unknown credential", static + "agent: {update: [{credential: legcay}]}\n", "6:31: agent.update[0].credential names no credential: did you mean legacy?"},
	{"a profile that two write", static + "agent: {update: [{credential: legacy}, {credential: legacy, profile: legacy}]}\n", "6:70: agent.update[1].profile is written by an entry before: two would take turns"},
	{"two doors at one address", static + "agent: {health: '127.0.0.1:9914', container: '127.0.0.1:9914', allow: {legacy: {users: [root]}}}\n", "6:17: agent.health has the address of agent.container: give each its own"},
	{"a caller's short password", static + "agent: {actions: {address: '127.0.0.1:9913', callers: {erp: {password: short}}}}\n", "6:72: agent.actions.callers.erp.password has fewer than 16 characters: openssl rand -base64 24 makes one"},
	{"an agent without a port", static + "agent: {container: 127.0.0.1, allow: {legacy: {users: [root]}}}\n", "6:20: agent.container is not an address with a port, as 127.0.0.1:9912"},
	{"several at once, in order", strings.Replace(session, "role/backup", "user/x", 1) + "    duration: 5m\n    colour: red\n  other: {type: x}\n", "" +
		"4:15: credentials.backup.role_arn is the ARN of something else: use one as arn:aws:iam::123456789012:role/NAME\n" +
		"8:15: credentials.backup.duration is 5m: use whole seconds from 15m to 12h\n" +
		"9:5: credentials.backup has an unknown key colour: known are KEYS\n" +
		"10:17: credentials.other.type is none of session, static and assume-role"},
}

func TestEveryMistakeIsToldWithItsPlaceAndWhatWouldBeRight(t *testing.T) {
	if len(malformed) < 60 {
		t.Fatalf("got %d malformed files, want at least 60", len(malformed))
	}
	knownKeys := regexp.MustCompile(`known are type, .*`)
	for _, test := range malformed {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, "config.yaml", test.file, 0o600)
			_, err := load(path)
			mistakes := new(config.Error)
			if !errors.As(err, &mistakes) {
				t.Fatalf("got %v, want mistakes", err)
			}
			var got []string
			for _, m := range mistakes.Mistakes {
				got = append(got, knownKeys.ReplaceAllString(strings.TrimPrefix(m.String(), path+":"), "known are KEYS"))
			}
			if text := strings.Join(got, "\n"); text != test.want {
				t.Errorf("got\n%s\nwant\n%s", text, test.want)
			}
		})
	}
}

func TestALiteralSecretIsForAFileThatNobodyElseReads(t *testing.T) {
	const canary = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	text := strings.Replace(static, "env:SECRET", canary, 1)
	if _, err := load(write(t, "config.yaml", text, 0o600)); err != nil {
		t.Errorf("mode 0600: got %v, want it taken", err)
	}
	_, err := load(write(t, "config.yaml", text, 0o644))
	if err == nil || !strings.Contains(err.Error(), ":5:24: credentials.legacy.secret_access_key is the secret itself, and others can read the file (mode 0644): chmod 600 ") {
		t.Errorf("mode 0644: got %v", err)
	}
	if err != nil && strings.Contains(err.Error(), canary) {
		t.Error("the message has the secret")
	}
}

func TestAFileThatOthersCanWriteIsRefused(t *testing.T) {
	_, err := load(write(t, "config.yaml", goodFile, 0o666))
	if err == nil || !strings.Contains(err.Error(), "has mode 0666: others could change it; chmod go-w ") {
		t.Errorf("got %v", err)
	}
}

func TestALaterFileWinsAndOverridesWinOverBoth(t *testing.T) {
	system := write(t, "system.yaml", goodFile, 0o644)
	user := write(t, "user.yaml", "defaults: {duration: 2h}\n"+session, 0o600)
	c, err := config.Load([]config.File{{Path: system}, {Path: user}, {Path: filepath.Join(t.TempDir(), "none")}})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.Names()); got != "[archive backup legacy]" {
		t.Errorf("got %s", got)
	}
	r, err := c.Resolve("BACKUP", map[string]config.Override{"session_name": {Text: "nightly", Origin: config.Origin{Variable: "AWSAUTH_SESSION_NAME"}}})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][2]string{
		"role_arn":     {"arn:aws:iam::123456789012:role/backup", user + ":5"},
		"duration":     {"2h", user + ":1 (defaults)"},
		"session_name": {"nightly", "AWSAUTH_SESSION_NAME"},
	} {
		k, _ := config.KeyNamed(key)
		if got := [2]string{r.Text(k), r.Origins[key].String()}; got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

func TestADefaultDurationCountsForRolesThatMayHaveIt(t *testing.T) {
	const further = "  archive: {type: assume-role, source: backup, role_arn: 'arn:aws:iam::123456789012:role/x'}\n" +
		"  direct: {type: assume-role, source: legacy, role_arn: 'arn:aws:iam::123456789012:role/x'}\n"
	for preset, want := range map[string]map[string]time.Duration{
		"30m": {"backup": 30 * time.Minute, "archive": 30 * time.Minute, "direct": 30 * time.Minute},
		"2h":  {"backup": 2 * time.Hour, "archive": 0, "direct": 2 * time.Hour}, // a role of a role has an hour at most
	} {
		c, err := load(write(t, "config.yaml", "defaults: {duration: "+preset+"}\n"+session+strings.TrimPrefix(static, "credentials:\n")+further, 0o600))
		if err != nil {
			t.Fatal(err)
		}
		for name, d := range want {
			r, err := c.Resolve(name, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, given := r.Origins["duration"]; r.Duration != d || given != (d != 0) {
				t.Errorf("%s of %s: got %s (given: %t), want %s", name, preset, r.Duration, given, d)
			}
		}
	}
}

func TestAFlagThatTheTypeDoesNotHaveIsRefused(t *testing.T) {
	c, err := load(write(t, "config.yaml", goodFile, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{"certificate": "--certificate is not for a credential of type static", "": ""} {
		_, err := c.Resolve("legacy", map[string]config.Override{"certificate": {Text: "x", Origin: config.Origin{Flag: flag, Variable: "AWSAUTH_CERTIFICATE"}}})
		if text := fmt.Sprint(err); want != "" && text != want || want == "" && err != nil {
			t.Errorf("flag %q: got %v, want %q", flag, err, want)
		}
	}
}

func TestAnUnknownNameListsTheKnownOnes(t *testing.T) {
	c, err := load(write(t, "config.yaml", goodFile, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Resolve("bakup", nil)
	unknown := new(config.NameError)
	if !errors.As(err, &unknown) || unknown.Hint() != "did you mean backup? awsauth config show lists archive, backup, legacy" {
		t.Errorf("got %v, %q", err, unknown.Hint())
	}
}

// The schema takes every example of the documents, and refuses what Load refuses for its form alone.
func TestTheSchemaTakesTheExamples(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	var document any
	if err := json.Unmarshal(config.Schema(), &document); err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("config.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(text string) error {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(instance)
	}
	count := 0
	for _, page := range []string{"../../README.md", "../../docs/configuration.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1) {
			count++
			if err := validate(string(m[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
			if _, err := load(write(t, "config.yaml", string(m[1]), 0o600)); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
	if count < 2 {
		t.Errorf("got %d examples, want those of README.md and docs/configuration.md", count)
	}
	for _, text := range []string{goodFile, session, static, role} {
		if err := validate(text); err != nil {
			t.Error(err)
		}
	}
	for name, text := range map[string]string{
		"an unknown key": session + "    colour: red\n", "a key of another type": static + "    source: x\n",
		"no type": "credentials: {x: {region: eu-west-1}}", "a duration in seconds alone": session + "    duration: 3600\n",
		"a reserved name": "credentials: {static: {type: static, access_key_id: x, secret_access_key: y}}",
	} {
		if validate(text) == nil {
			t.Errorf("%s: the schema takes it", name)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(goodFile)
	for _, m := range malformed {
		f.Add(m.file)
	}
	path := filepath.Join(f.TempDir(), "config.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := load(path)
		mistakes := new(config.Error)
		if err != nil && (!errors.As(err, &mistakes) || len(mistakes.Mistakes) == 0) {
			t.Fatalf("got %v, want mistakes", err)
		}
		if err == nil {
			for _, name := range c.Names() {
				if _, err := c.Resolve(name, nil); err != nil {
					t.Errorf("%q loads, and does not resolve: %v", name, err)
				}
			}
		}
	})
}

func BenchmarkLoad1000(b *testing.B) {
	var text strings.Builder
	text.WriteString("credentials:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  backup%d:\n    type: session\n    role_arn: arn:aws:iam::123456789012:role/backup\n    profile_arn: %s\n    trust_anchor_arn: %s\n    certificate: backup%d\n", i, profileARN, anchorARN, i)
	}
	path := write(b, "config.yaml", text.String(), 0o600)
	for b.Loop() {
		if _, err := load(path); err != nil {
			b.Fatal(err)
		}
	}
}
