// Package connectors proves that the connectors' services work with the credentials that awsauth gets: Amazon S3, Rekognition, SNS and SQS,
// and STS beside them. Its tests are all there is.
//
// They run every kind of credentials against servers that check who calls, most of them not ours, in every way that goes wrong; with AWS's
// SDK for Go and with programs in other languages; and over the ends of many sessions. What they found stands in docs/connectors.md.
package connectors
