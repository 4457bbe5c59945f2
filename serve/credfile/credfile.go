// Package credfile changes one profile's settings in the files that the AWS SDKs share, ~/.aws/config and
// ~/.aws/credentials, and leaves every other byte as it is: comments, order, spacing, line endings, other profiles.
//
//	changed, err := credfile.Write(ctx, "/home/ada/.aws/config", credfile.Change{
//		Section: "profile backup",
//		Set:     []credfile.Setting{{Key: "credential_process", Value: "/usr/bin/awsauth get session --format process"}},
//		Remove:  []string{"aws_access_key_id", "aws_secret_access_key"},
//	})
//
// The SDKs do not read these files alike. To the SDK for Go a # after a space begins a comment and quotes around a value
// are not part of it; to botocore, which uses Python's configparser, both are value. What an indented line belongs to they
// decide by different rules. So a change is made only when both read what was asked for, and read all else as before;
// otherwise it is refused with ErrAmbiguous. What is foreign to both stays: settings before the first section, lines
// without an equals sign, bytes that are not UTF-8.
//
// What it does not do:
//
//   - It does not keep other programs out. Its lock binds those who take it, and no AWS tool does. A file that changes
//     while it is edited is read anew, one that has just been emptied is waited for; but what another program writes in
//     the instant before the rename is lost to it, or ours to it. credential_process has no such instant.
//   - It does not remove sections, and does not write values with line breaks, nested settings or comments.
//   - It does not follow the SDKs where they disagree about names. [profile "a"] is the section of profile a, as to
//     botocore, though the SDK for Go counts the quotes; so is [ profile a ], as to the SDK for Go. It writes neither. A
//     header behind a byte order mark is none, as to both.
package credfile

import "errors"

// ErrInvalid reports a section, a key or a value that cannot be written so that every SDK reads it back.
var ErrInvalid = errors.New("cannot be written to a shared config file")

// ErrAmbiguous reports lines that the SDKs read differently and that the change would have to touch.
var ErrAmbiguous = errors.New("the SDKs read this line differently")

// ErrTooLarge reports a file of more than 16 MiB.
var ErrTooLarge = errors.New("larger than 16 MiB")

// ErrBinary reports a file with NUL bytes, such as one in UTF-16.
var ErrBinary = errors.New("has NUL bytes: save it as UTF-8")

// ErrNotRegular reports a directory, a device, a socket or a pipe in the file's place, or anything but a file in its lock's.
var ErrNotRegular = errors.New("not a regular file")

// ErrForeignLink reports a symbolic link that belongs neither to this user nor to root.
var ErrForeignLink = errors.New("a symbolic link that belongs to another user: replace it by a link or a file of your own")

// ErrDanglingLink reports a symbolic link to nothing.
var ErrDanglingLink = errors.New("a symbolic link to nothing: make its target or remove the link")

// ErrLocked reports that another program has held the lock all the time.
var ErrLocked = errors.New("another program holds the lock: try again")

// ErrShrunk reports a file that has lost sections since Write first looked, and has not got them back.
var ErrShrunk = errors.New("sections have gone while it was looked at: see what is writing it, then try again")

// ErrBusy reports a file that another program changed in each of our attempts.
var ErrBusy = errors.New("another program keeps changing it: try again")

// maxSize bounds the files, before and after.
const maxSize = 16 << 20
