// Package witness proves the project by tools and clients that nobody of it has written: OpenSSL makes the certificates
// and the keys and checks the signatures; botocore computes what is to be signed; the AWS CLI, boto3 and AWS's SDK for Go
// use the credentials, and talk to the emulator.
//
// It has tests alone. They need openssl, an AWS CLI and boto3, which scripts/install-witnesses installs, and run with
// every AWS CLI and every boto3 that they find: the distribution's and those in PATH.
//
// None of it proves AWS itself: what answers is the emulator.
package witness
