package foreign

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Node is a node with packages of npm.
type Node struct {
	Path string
	t    testing.TB
	dir  string // of the packages
}

// oldestNode is what the packages demand.
const oldestNode = 22

// LookJavaScript answers the node and the packages that scripts/install-witnesses installs; nil where they are not.
func LookJavaScript(t testing.TB) *Node {
	t.Helper()
	n := &Node{t: t, dir: filepath.Join(Witnesses(t), "js", "node_modules")}
	if _, err := os.Stat(n.dir); err != nil {
		t.Logf("there are no packages of npm: %s where there is npm", Remedy)
		return nil
	}
	for _, candidate := range []string{filepath.Join(Witnesses(t), "node", "node_modules", ".bin", "node"), "node"} {
		out, err := exec.Command(candidate, "--print", "process.versions.node.split('.')[0]").Output()
		if err != nil {
			continue
		}
		if major, err := strconv.Atoi(strings.TrimSpace(string(out))); err == nil && major >= oldestNode {
			if n.Path, err = exec.LookPath(candidate); err == nil {
				return n
			}
		}
	}
	t.Logf("there is no node of version %d or newer: %s where there is npm", oldestNode, Remedy)
	return nil
}

// JavaScript is LookJavaScript for a test that cannot do without: it is skipped.
func JavaScript(t testing.TB) *Node {
	t.Helper()
	n := LookJavaScript(t)
	if n == nil {
		t.Skip("there is no SDK for JavaScript: " + Remedy + " where there is npm")
	}
	return n
}

// Modules is the variable by which node finds the packages.
func (n *Node) Modules() string { return "NODE_PATH=" + n.dir }

// Version answers that of a package.
func (n *Node) Version(name string) string {
	n.t.Helper()
	text, err := os.ReadFile(filepath.Join(n.dir, filepath.FromSlash(name), "package.json"))
	if err != nil {
		n.t.Fatalf("%v: %s", err, Remedy)
	}
	var described struct{ Version string }
	if err := json.Unmarshal(text, &described); err != nil || described.Version == "" {
		n.t.Fatalf("%s does not say its version: %v", name, err)
	}
	return described.Version
}

// Command makes a command of a program that a package brings.
func (n *Node) Command(name string, args ...string) *exec.Cmd {
	n.t.Helper()
	return Command(n.t, n.Path, append([]string{filepath.Join(n.dir, ".bin", name)}, args...)...)
}
