package witness

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/foreign"
)

// programs are the rows of the table that this machine can run, each with what it calls. Of those that are missing it says so.
func programs(t *testing.T, local *localAWS, e *emulator.Emulator) (rows []program) {
	t.Helper()
	for _, cli := range foreign.AWSCLIs(t) {
		rows = append(rows, awsCLI(cli, local.Endpoint))
	}
	for _, python := range foreign.Pythons(t) {
		rows = append(rows, boto3(python, local.Endpoint))
	}
	add := func(row func(*testing.T, string) program, server string) {
		var made program
		t.Run("find a program", func(t *testing.T) { made = row(t, server) })
		if made.name != "" {
			rows = append(rows, made)
		}
	}
	add(javaScript, local.Endpoint)
	add(goSDK, local.Endpoint)
	gateway := ""
	t.Run("find a program", func(t *testing.T) { gateway = foreign.Find(t, "versitygw") })
	if gateway == "" {
		return rows
	}
	s3 := foreign.StartVersitygw(t, e, bucket)
	add(rclone, s3)
	add(restic, s3)
	return rows
}

// release is a version without its last number.
func release(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

func awsCLI(cli foreign.Tool, server string) program {
	p := program{name: "AWS CLI " + release(strings.TrimPrefix(cli.Version, "aws-cli/")), server: server, heavy: true}
	p.once = func(c *cell) error {
		return succeed(c.command(cli.Path, "sts", "get-caller-identity", "--output", "json", "--endpoint-url", c.front.URL))
	}
	if !knowsTokenFiles(cli.Version) {
		p.cannot = map[string]*reason{doorTokenFile: &noTokenFile}
	}
	return p
}

func boto3(python foreign.Tool, server string) program {
	calls := func(c *cell, seconds string) error {
		return succeed(c.command(python.Path, "testdata/calls.py", c.front.URL, seconds))
	}
	p := scripted("boto3 "+release(strings.TrimPrefix(python.Version, "boto3 ")), server, calls)
	p.heavy = true
	p.cannot = map[string]*reason{doorMetadata: &longSessions}
	if !knowsTokenFiles(python.Version) {
		p.cannot[doorTokenFile] = &noTokenFile
	}
	return p
}

// scripted is a program that makes calls for so many seconds, for 0 one, and fails when one has.
func scripted(name, server string, calls func(c *cell, seconds string) error) program {
	return program{
		name: name, server: server,
		lasting: func(c *cell, d time.Duration) error { return calls(c, strconv.FormatFloat(d.Seconds(), 'f', -1, 64)) },
		once:    func(c *cell) error { return calls(c, "0") },
	}
}

// javaScript is AWS's SDK for JavaScript, of the versions in testdata/js.
func javaScript(t *testing.T, server string) program {
	t.Helper()
	node := foreign.JavaScript(t)
	return scripted("SDK for JavaScript "+release(node.Version("@aws-sdk/client-sts")), server, func(c *cell, seconds string) error {
		p := c.command(node.Path, "testdata/js/calls.js", seconds)
		p.Env = append(p.Env, node.Modules())
		return succeed(p)
	})
}

// goSDK is AWS's SDK for Go, of the version in go.mod.
func goSDK(t *testing.T, server string) program {
	t.Helper()
	path := filepath.Join(filepath.Dir(command), "gocalls")
	if err := foreign.Build("./testdata/gocalls", path); err != nil {
		t.Fatal(err)
	}
	built, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sdk := slices.IndexFunc(built.Deps, func(m *debug.Module) bool { return m.Path == "github.com/aws/aws-sdk-go-v2" })
	version := built.Deps[sdk].Version
	return scripted("SDK for Go v2 "+release(strings.TrimPrefix(version, "v")), server, func(c *cell, seconds string) error {
		return succeed(c.command(path, seconds))
	})
}

var noTokenFile = reason{
	mark: "a",
	text: "It knows no `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`, and asks without a token. The AWS CLI reads the file from 1.30 and 2.15 on, boto3 " +
		"from 1.34.41 ([Amazon EKS User Guide](https://docs.aws.amazon.com/eks/latest/userguide/pod-id-minimum-sdk.html)).",
	shown: asksWithoutToken,
}

// asksWithoutToken is shown by what the container endpoint gets.
func asksWithoutToken(c *cell) error {
	const variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	var door string
	for _, assignment := range c.env {
		if name, value, _ := strings.Cut(assignment, "="); name == variable {
			door = value
		}
	}
	endpoint := foreign.NewFront(c.t, door, strings.TrimSuffix(strings.TrimPrefix(door, "http://"), "/"))
	c.env = append(withoutVariable(c.env, variable), variable+"="+endpoint.URL+"/")
	if err := c.program.once(c); err == nil {
		return errors.New("it has got credentials; want it to ask without a token, and fail")
	}
	calls := endpoint.Noted()
	if len(calls) == 0 {
		return errors.New("it has not asked the endpoint; want it to ask without a token")
	}
	for _, call := range calls {
		if call.Authorization || call.Status != 403 {
			return fmt.Errorf("got %v, with a token %t; want 403 without", call, call.Authorization)
		}
	}
	return nil
}

var longSessions = reason{
	mark: "b",
	text: "It works with sessions of 20 minutes and more, and so with the default hour. What the metadata service gives with less than 12 to 20 " +
		"minutes to go, botocore takes to be good for 12 to 20 minutes from then on, and asks for again up to 5 minutes later " +
		"(`InstanceMetadataFetcher._evaluate_expiration` in botocore/utils.py). A session of seconds has ended by then.",
	shown: keepsWhatHasEnded,
}

// keepsWhatHasEnded is shown by calls that go on to be signed with credentials that were good, and are refused when those have ended.
func keepsWhatHasEnded(c *cell) error {
	if err := c.program.lasting(c, sessionLife*3/2); err == nil {
		return errors.New("no call has failed; want those after the first session's end to")
	}
	calls := c.front.Noted()
	if len(calls) == 0 {
		return errors.New("it has made no call")
	}
	last := calls[len(calls)-1]
	if !last.Failed() || !slices.Contains(foreign.Keys(calls), last.Key) {
		return fmt.Errorf("got %v at last, want it refused, and signed with a key that was good before", last)
	}
	return nil
}
