package cli

import (
	"os"
	"testing"
)

// inUse writes a configuration whose credential nightly uses a certificate.
func (s *shelf) inUse(identifier string) {
	s.write("config.yaml", []byte(`credentials:
  nightly:
    type: session
    role_arn: arn:aws:iam::123456789012:role/backup
    profile_arn: arn:aws:rolesanywhere:eu-west-1:123456789012:profile/1
    trust_anchor_arn: arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/1
    certificate: `+identifier+"\n"))
}

func TestACertificateInUseIsKeptThoughItIsDamaged(t *testing.T) {
	s := newShelf(t)
	s.issue("backup", nil)
	s.inUse("backup")
	s.must("certificate", "add", "backup", "$DIR/backup.pem", "$DIR/backup.key", "--store-key", "file")
	remove := []string{"certificate", "remove", "Backup", "--config", "$DIR/config.yaml"}
	refused := func() {
		t.Helper()
		s.refused(ExitUsage, "certificate remove Backup: it is used by nightly", "change the configuration first (awsauth config edit), or --force", remove...)
	}
	refused()
	file := "store/certificates/id-backup.json"
	s.write(file, []byte("{}"))
	refused()
	if _, err := os.Stat(s.path(file)); err != nil {
		t.Error(err)
	}
	s.must(append(remove, "--force")...)
	if _, err := os.Stat(s.path(file)); !os.IsNotExist(err) {
		t.Errorf("with --force: got %v, want it gone", err)
	}
}

func TestADamagedCertificateThatNothingUsesCanBeRemoved(t *testing.T) {
	s := newShelf(t)
	s.issue("backup", nil)
	s.must("certificate", "add", "backup", "$DIR/backup.pem", "$DIR/backup.key", "--store-key", "file")
	s.write("store/certificates/id-backup.json", []byte("{}"))
	s.must("certificate", "remove", "backup")
}

func TestACertificateIsNotRemovedByAnAlias(t *testing.T) {
	s := newShelf(t)
	s.issue("al2", nil)
	s.must("certificate", "add", "al2", "$DIR/al2.pem", "$DIR/al2.key", "--alias", "pin2", "--alias", "a pin", "--store-key", "file")
	hint := "awsauth certificate remove al2 removes the certificate with all its names"
	s.refused(ExitUsage, `certificate remove pin2: it is an alias of "al2"`, hint, "certificate", "remove", "pin2")
	s.refused(ExitUsage, `certificate remove: it is an alias of "al2"`, hint, "certificate", "remove", "A Pin", "--force")
	s.must("certificate", "show", "pin2")
	s.must("certificate", "remove", "AL2")
}
