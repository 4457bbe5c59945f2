package identity

import (
	"io/fs"
	"testing"
)

// A file that is being written has no format for a moment, belongs to no other, or is not there.
func TestWhatAWriterCausesPasses(t *testing.T) {
	for err, want := range map[error]bool{
		problem(ErrUnsupported, "neither PEM nor DER"): true, problem(ErrKeyMismatch, ""): true, problem(ErrDamaged, ""): true, fs.ErrNotExist: true,
		problem(ErrWrongPassword, ""): false, problem(ErrTooLarge, ""): false, fs.ErrPermission: false,
	} {
		if got := isTransient(err); got != want {
			t.Errorf("%v: got %t, want %t", err, got, want)
		}
	}
}
