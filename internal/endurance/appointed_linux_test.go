package endurance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

// The agent of a host runs as a user of its own, in a directory of /run that the superuser has given to that user: the commands of other
// users take what it gives, and the superuser's ask how it is. In a directory of anybody else it is not believed.
func TestTheAgentOfAUserOfItsOwn(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("left out: only the superuser starts processes of other users")
	}
	dir := foreign.ShortDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"config.yaml": fmt.Sprintf("credentials:\n  backup: {type: static, access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: %q, region: eu-west-1}\n"+
			"agent: {allow: {backup: {users: [5001]}}}\n", "file:"+filepath.Join(dir, "secret")),
		"secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
		"run.sh": `set -eu
mount -t tmpfs -o mode=0755 none /run
mkdir /run/awsauth; chown 5002 /run/awsauth
as() { user=$1; shift; setpriv --reuid="$user" --regid="$user" --clear-groups "$@"; }
setpriv --reuid=5002 --regid=5002 --clear-groups "$1" agent --config config.yaml 2>agent.log &
agent=$!
trap 'kill $agent' EXIT
for _ in $(seq 1000); do test -S /run/awsauth/agent.sock && break; sleep 0.02; done
as 5001 "$1" get backup >given
"$1" agent status >status
as 5004 "$1" get backup 2>refused && exit 1
chown 5003 /run/awsauth
as 5001 "$1" get backup 2>doubted && exit 1
chown 5002 /run/awsauth
chmod 777 /run/awsauth
as 5001 "$1" get backup 2>open && exit 1
exit 0
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(filepath.Join(dir, "secret"), 5002, -1); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(dir, "config.yaml"), 5002, -1); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "sh", "run.sh", binary)
	c.Dir = dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(dir, "nowhere")}
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if out, err := c.CombinedOutput(); errors.Is(err, fs.ErrPermission) {
		t.Skipf("left out: no file system can be mounted here: %v", err)
	} else if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for name, want := range map[string]string{
		"given": `"AccessKeyId":"AKIAIOSFODNN7EXAMPLE"`, "status": "1 credential ", "refused": "user 5004 may not have backup",
		"doubted": "/run/awsauth/agent.sock belongs to an agent of user 5002, who could give anything", "open": "user 5002, who could give anything",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s has %q, %v; want %s", name, got, err, want)
		}
	}
}
