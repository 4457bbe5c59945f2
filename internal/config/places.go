package config

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// SystemFile is the configuration of the host.
func (e Environment) SystemFile() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(e.get("ProgramData"), "awsauth", "config.yaml")
	}
	return "/etc/awsauth/config.yaml"
}

// UserFile is the configuration of the user, or "" where there is no home (XDG Base Directory Specification).
func (e Environment) UserFile() string {
	return e.underHome("XDG_CONFIG_HOME", ".config", "APPDATA", "awsauth", "config.yaml")
}

// Files are the configuration files, in the order in which a later one wins. A named one must be there.
func (e Environment) Files(named string) []File {
	files := []File{{Path: e.SystemFile(), Kind: "system"}}
	if user := e.UserFile(); user != "" {
		files = append(files, File{Path: user, Kind: "user"})
	}
	if named != "" {
		files = append(files, File{Path: named, Kind: "--config", Named: true})
	}
	return files
}

// StoreDirectory is where the certificate store is when nothing names another: the host's for the superuser, the user's for
// everybody else; "" where there is no home.
func (e Environment) StoreDirectory() string {
	if runtime.GOOS != "windows" && os.Geteuid() == 0 && e.get("XDG_DATA_HOME") == "" {
		return "/var/lib/awsauth/certificates"
	}
	return e.underHome("XDG_DATA_HOME", filepath.Join(".local", "share"), "LOCALAPPDATA", "awsauth", "certificates")
}

// CacheDirectory is where the processes of a user hold credentials for each other; "" where there is no home.
func (e Environment) CacheDirectory() string {
	if runtime.GOOS != "windows" && os.Geteuid() == 0 && e.get("XDG_CACHE_HOME") == "" {
		return "/var/cache/awsauth/credentials"
	}
	return e.underHome("XDG_CACHE_HOME", ".cache", "LOCALAPPDATA", "awsauth", "credentials")
}

// underHome is a path below what a variable names, or below a directory of the home.
func (e Environment) underHome(variable, below, windows string, elements ...string) string {
	if runtime.GOOS == "windows" {
		variable, below = windows, ""
	}
	base := e.get(variable)
	if !filepath.IsAbs(base) { // a relative one is to be ignored, says the specification
		home := e.Home()
		if home == "" {
			return ""
		}
		base = filepath.Join(home, below)
	}
	return filepath.Join(append([]string{base}, elements...)...)
}

// Home is the user's directory, or "".
func (e Environment) Home() string {
	if runtime.GOOS == "windows" {
		return e.get("USERPROFILE")
	}
	return e.get("HOME")
}

// SharedConfigFile is the config file of AWS's clients: AWS_CONFIG_FILE, or ~/.aws/config; "" where there is no home.
func (e Environment) SharedConfigFile() string {
	if path := e.get("AWS_CONFIG_FILE"); path != "" {
		return path
	}
	home := e.Home()
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".aws", "config")
}

// SharedCredentialsFile is the credentials file of AWS's clients: AWS_SHARED_CREDENTIALS_FILE, or ~/.aws/credentials; "" where
// there is no home.
func (e Environment) SharedCredentialsFile() string {
	if path := e.get("AWS_SHARED_CREDENTIALS_FILE"); path != "" {
		return path
	}
	home := e.Home()
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".aws", "credentials")
}

// CredentialsDirectory is where systemd has put this unit's credentials; "" for none.
func (e Environment) CredentialsDirectory() string { return e.get("CREDENTIALS_DIRECTORY") }

// SessionBus is the address of the message bus on which the keyring is found; "" for the standard one.
func (e Environment) SessionBus() string { return e.get("DBUS_SESSION_BUS_ADDRESS") }

// Editor is the user's editor and its arguments.
func (e Environment) Editor() []string {
	for _, variable := range []string{"VISUAL", "EDITOR"} {
		if words := strings.Fields(e.get(variable)); len(words) > 0 {
			return words
		}
	}
	if runtime.GOOS == "windows" {
		return []string{"notepad.exe"}
	}
	return []string{"vi"}
}

// programVariables are those that a password manager needs to find the user, the terminal, the keyring and its own files.
// Nothing else reaches it: what a shell has exported is no business of its.
var programVariables = []string{
	"HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
	"DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "GPG_TTY", "GNUPGHOME", "PASSWORD_STORE_DIR",
	"SystemRoot", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TEMP",
}

// ProgramEnvironment is the environment of a program that gives a secret.
func (e Environment) ProgramEnvironment() []string {
	all := []string{"PATH=" + e.programPath()}
	for _, name := range programVariables {
		if value, ok := e.Lookup(name); ok {
			all = append(all, name+"="+value)
		}
	}
	return all
}

func (e Environment) programPath() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(e.get("SystemRoot"), "System32")
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

// All is the whole environment, for a program that the user runs.
func (e Environment) All() []string { return os.Environ() }
