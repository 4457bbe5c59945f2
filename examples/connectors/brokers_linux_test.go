package connectors

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/foreign"
)

// global is the region of IAM, and of versitygw's STS.
const global = "us-east-1"

// iamAt is the client of an IAM that is not the emulator's.
func iamAt(endpoint string, key aws.Credentials) *iam.Client {
	return iam.New(iam.Options{Region: global, BaseEndpoint: aws.String(endpoint), Credentials: fixed(key)})
}

// ownIAM is versitygw's IAM, with the users and roles of an account, whose sessions it is told of.
type ownIAM struct {
	*account
	iam   *foreign.VersityIAM
	users map[string]aws.Credentials
	roles map[string]*iamtypes.Role
}

func newOwnIAM(t testing.TB) *ownIAM {
	t.Helper()
	o := &ownIAM{
		account: newAccount(t, emulator.Config{}, nil), iam: foreign.StartVersityIAM(t, bucket),
		users: map[string]aws.Credentials{}, roles: map[string]*iamtypes.Role{},
	}
	client := iamAt(o.iam.IAM, o.iam.Root)
	policy := aws.String(string(leastPrivilege(t)["s3"]))
	for _, name := range []string{worker, idle} {
		_, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String(name)})
		check(t, err)
		made, err := client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String(name)})
		check(t, err)
		o.users[name] = aws.Credentials{AccessKeyID: *made.AccessKey.AccessKeyId, SecretAccessKey: *made.AccessKey.SecretAccessKey}
	}
	_, err := client.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String(worker), PolicyName: aws.String("s3"), PolicyDocument: policy})
	check(t, err)
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`
	for _, name := range []string{worker, archive, idle, unused} {
		made, err := client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String(name), AssumeRolePolicyDocument: aws.String(trust)})
		check(t, err)
		o.roles[name] = made.Role
	}
	for _, name := range []string{worker, archive} {
		_, err := client.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String(name), PolicyName: aws.String("s3"), PolicyDocument: policy})
		check(t, err)
	}
	return o
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (o *ownIAM) get(t testing.TB, k kind, may bool) aws.Credentials {
	t.Helper()
	if k == static {
		if may {
			return o.users[worker]
		}
		return o.users[idle]
	}
	return o.plant(t, k, may, o.account.get(t, k, may))
}

func (o *ownIAM) ending(t testing.TB, k kind, after time.Duration) aws.Credentials {
	t.Helper()
	return o.plant(t, k, true, o.account.ending(t, k, after))
}

// plant tells versitygw of a session that the emulator has issued.
func (o *ownIAM) plant(t testing.TB, k kind, may bool, c aws.Credentials) aws.Credentials {
	t.Helper()
	role := o.roles[map[kind]map[bool]string{session: {true: worker, false: idle}, chained: {true: archive, false: unused}}[k][may]]
	o.iam.Plant(t, foreign.Session{Credentials: c, RoleARN: *role.Arn, RoleName: *role.RoleName, RoleID: *role.RoleId, Name: "connectors"})
	return c
}

func behindOwnIAM(t *testing.T, m *matrix) {
	o := newOwnIAM(t)
	t.Run("S3", func(t *testing.T) {
		m.fill(t, &checker{service: amazonS3, name: byOwnIAM, endpoint: o.iam.S3, source: o, codes: s3Codes})
	})
	t.Run("STS", func(t *testing.T) {
		m.fill(t, &checker{service: awsSTS, name: byOwnIAM, endpoint: o.iam.IAM, region: global, source: o, codes: with(queryCodes, map[state]string{
			expired: "InvalidClientTokenId",
		})})
	})
}

// newBroker is an account whose STS is another server's: what it gets is good there.
func newBroker(t testing.TB, endpoint string, key aws.Credentials) *account {
	t.Helper()
	a := newAccount(t, emulator.Config{STS: &emulator.UpstreamSTS{Endpoint: endpoint, Credentials: fixed(key)}}, nil)
	a.assume = endpoint
	return a
}

// cephPolicy is what a role or user there has. Ceph refuses documents with spaces, and those that name an action of another service.
const cephPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::*"}]}`

func behindCeph(t *testing.T, m *matrix) {
	ceph := foreign.StartCeph(t)
	if !strings.HasPrefix(ceph.Version, "16.") {
		t.Skipf("the matrix knows how Ceph 16 answers, and this is %s", ceph.Version)
	}
	broker := aws.Credentials{AccessKeyID: "BROKER0000000000TEST", SecretAccessKey: unique("broker-of-a-test")}
	a := newBroker(t, ceph.Endpoint, broker)
	tenant := a.emulator.AccountID()
	ceph.User(tenant+"$broker", broker, "--caps=roles=*;user-policy=*")
	for _, name := range []string{worker, idle} {
		ceph.User(tenant+"$"+name, a.get(t, static, name == worker))
	}
	client := iamAt(ceph.Endpoint, broker)
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["sts:AssumeRole"]}]}`
	for _, name := range []string{worker, archive, idle, unused} {
		_, err := client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String(name), AssumeRolePolicyDocument: aws.String(trust)})
		check(t, err)
		_, err = client.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
			RoleName: aws.String(name), PolicyName: aws.String("p"), PolicyDocument: aws.String(cephPolicy),
		})
		check(t, err)
	}
	topics := amazonSNS
	topics.work = listTopics
	m.fill(t, &checker{
		service: topics, name: byCeph, endpoint: ceph.Endpoint, source: a, configuration: a.configuration(t, a), life: 15 * time.Minute,
		codes:       map[state]string{wrongSecret: "SignatureDoesNotMatch", noToken: "AccessDenied", otherToken: "AccessDenied", expired: "AccessDenied"},
		staticCodes: map[state]string{wrongSecret: "AccessDenied"},
		not:         map[state]*note{denied: &topicsOfAll},
	})
}

// motos is moto's IAM, with the users and roles of an account, whose sessions it issues.
type motos struct {
	*account
	users map[string]aws.Credentials
}

func (m *motos) get(t testing.TB, k kind, may bool) aws.Credentials {
	t.Helper()
	switch {
	case k != static:
		return m.account.get(t, k, may)
	case may:
		return m.users[worker]
	}
	return m.users[idle]
}

// motoMay is what a user or role there may do: moto looks at actions alone.
const motoMay = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","sqs:*","sns:*","rekognition:*","sts:*"],"Resource":"*"}]}`

func newMoto(t testing.TB, endpoint string) *motos {
	t.Helper()
	client := iamAt(endpoint, aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}) // for the first calls, which are free
	m := &motos{users: map[string]aws.Credentials{}}
	everything := strings.ReplaceAll(motoMay, `["s3:*","sqs:*","sns:*","rekognition:*","sts:*"]`, `"*"`)
	for _, user := range []struct{ name, policy string }{{"broker", everything}, {worker, motoMay}, {idle, ""}} {
		_, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String(user.name)})
		check(t, err)
		if user.policy != "" {
			_, err := client.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
				UserName: aws.String(user.name), PolicyName: aws.String("p"), PolicyDocument: aws.String(user.policy),
			})
			check(t, err)
		}
		made, err := client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String(user.name)})
		check(t, err)
		m.users[user.name] = aws.Credentials{AccessKeyID: *made.AccessKey.AccessKeyId, SecretAccessKey: *made.AccessKey.SecretAccessKey}
		if user.name == "broker" {
			client = iamAt(endpoint, m.users["broker"])
		}
	}
	m.account = newBroker(t, endpoint, m.users["broker"])
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},` +
		`"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`
	for name, policy := range map[string]string{
		worker: motoMay, archive: motoMay, unused: "",
		idle: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`,
	} {
		_, err := client.CreateRole(t.Context(), &iam.CreateRoleInput{
			RoleName: aws.String(name), AssumeRolePolicyDocument: aws.String(trust), MaxSessionDuration: aws.Int32(43200),
		})
		check(t, err)
		if policy == "" {
			continue
		}
		_, err = client.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
			RoleName: aws.String(name), PolicyName: aws.String("p"), PolicyDocument: aws.String(policy),
		})
		check(t, err)
	}
	return m
}

// callsToPrepare are those that moto does not check: until there is a user who may do everything.
const callsToPrepare = 3

func behindMoto(t *testing.T, m *matrix) {
	endpoint := foreign.StartMoto(t, callsToPrepare)
	source := newMoto(t, endpoint)
	_, err := s3Client(aws.Config{
		Region: foreign.Region, BaseEndpoint: aws.String(endpoint), Credentials: fixed(source.users["broker"]),
	}).CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: aws.String(bucket), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: foreign.Region},
	})
	check(t, err)
	objects, pictures := amazonS3, amazonRekognition
	// moto computes other signatures of é, spaces and slashes, fails at presigned URLs while it checks signatures, and looks at no picture.
	objects.work, pictures.work = storing{prefix: "in"}.work, someLabels
	likeS3 := with(s3Codes, map[state]string{expired: ""})
	likeSTS := with(queryCodes, map[state]string{expired: ""})
	for _, c := range []*checker{
		{service: objects, codes: likeS3},
		{service: amazonSQS, codes: likeSTS},
		{service: amazonSNS, codes: likeSTS},
		{service: pictures, codes: likeSTS},
		{service: awsSTS, codes: likeSTS},
	} {
		c.name, c.endpoint, c.source, c.not = byMoto, endpoint, source, map[state]*note{expired: &neverExpires}
		c.configuration = source.configuration(t, source)
		t.Run(c.service.title, func(t *testing.T) { m.fill(t, c) })
	}
}
