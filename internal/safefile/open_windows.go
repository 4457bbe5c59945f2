package safefile

import "os"

const (
	// NonBlocking, for os.OpenFile, is of no effect here.
	NonBlocking = 0
	// NoFollow, for os.OpenFile, is of no effect here.
	NoFollow = 0
)

// Owner answers nothing: Windows keeps owners elsewhere.
func Owner(os.FileInfo) (uid int, ok bool) { return 0, false }

func giveToOwner(*os.File, string) error { return nil }

// SyncDir does nothing: Windows cannot.
func SyncDir(string) error { return nil }
