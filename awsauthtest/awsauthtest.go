// Package awsauthtest is for tests of programs that use AWS credentials: a local AWS and a certificate authority that
// are there in milliseconds and gone when the test ends.
//
//	func TestBackup(t *testing.T) {
//		local := awsauthtest.Start(t)
//		session := local.Session(local.Client("backup-01"))
//		…
//		local.Fail(emulator.Throttle(3)) // and now make it hard
//	}
//
// What can be replaced by it depends on how far the program under test reaches:
//
//   - A program that takes an aws.CredentialsProvider gets a Provider, which fails, blocks and expires when it is told to,
//     by a clock that the test holds or by that of testing/synctest.
//   - A program that takes an awsauth.Session gets Local.Session, and everything behind it is real: the certificate is
//     checked, the request signed and sent over loopback, and the credentials are good for the emulator's STS and IAM
//     (Local.AWSConfig).
//   - A program that reads files and environment variables, in whatever language, gets Client.WriteFiles and
//     Local.Endpoint.
//
// Things go wrong on request. Local.Client makes a certificate with any defect by its name, and Kinds and Defects list
// them all, for tests that prove that each leads to a message somebody can act on. Local.Fail throttles, delays, cuts
// and hangs; Local.Revoke revokes; a Clock in Config.Emulator.Now lets hours pass. Local.CreateSessions counts the
// calls, so that a test can say that a hundred uploads bought one session. Why the emulator has refused a request stands
// in the test's log.
//
// Everything is made anew for each test and in memory: the keys, the account, the port. Tests can therefore run in
// parallel, and no key has to be kept in a repository.
//
// It is no S3, SQS, SNS or Rekognition: the emulator has Roles Anywhere, STS and a part of IAM. Emulator.Gateway of a Config puts it before a
// local service that has no authentication of its own, such as a handler of the test, and Policies says what the role may do there;
// Emulator.STS puts it before another local AWS that has them. Sockets do not go into a testing/synctest bubble, and so Start does not
// either. awsauth.Session looks at the host's clock alone, which no Clock changes.
package awsauthtest
