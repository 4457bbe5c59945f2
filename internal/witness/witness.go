// Package witness proves the project by tools and clients that nobody of it has written: OpenSSL makes the certificates
// and the keys and checks the signatures; botocore computes what is to be signed; the AWS CLI, boto3, AWS's SDKs for
// Go and JavaScript, rclone and restic use the credentials, and talk to the emulator or to versitygw, an S3 server that asks it.
//
// It has tests alone. They need openssl, an AWS CLI and boto3, which scripts/install-witnesses installs, and run with
// every AWS CLI and every boto3 that they find: the distribution's and those in PATH. What else it installs they skip where
// it cannot be had.
//
// The table in docs/programs.md is made by them: go test ./internal/witness -run Programs -update.
//
// None of it proves AWS itself: what answers is the emulator.
package witness
