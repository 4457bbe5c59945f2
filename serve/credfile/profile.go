package credfile

import "github.com/aws/aws-sdk-go-v2/aws"

// Profile is the change that gives a profile of the credentials file these credentials, and nothing of those that it had.
func Profile(name string, c aws.Credentials) Change {
	change := Change{Section: name, Set: []Setting{
		{Key: "aws_access_key_id", Value: c.AccessKeyID}, {Key: "aws_secret_access_key", Value: c.SecretAccessKey},
	}}
	for _, optional := range []Setting{{Key: "aws_session_token", Value: c.SessionToken}, {Key: "aws_account_id", Value: c.AccountID}} {
		if optional.Value == "" {
			change.Remove = append(change.Remove, optional.Key)
		} else {
			change.Set = append(change.Set, optional)
		}
	}
	return change
}
