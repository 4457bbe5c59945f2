package certstore

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/identity"
)

// childVariable makes the test's program one that works on a store and ends.
const childVariable = "AWSAUTH_CERTSTORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if action := os.Getenv(childVariable); action != "" {
		if err := act(action, os.Args[len(os.Args)-1]); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child is this program once more, to do something with a store.
func child(t testing.TB, action, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self, dir)
	c.Env = append(os.Environ(), childVariable+"="+action, "GORACE=atexit_sleep_ms=0") // or each waits for a second at its end
	c.Stderr = os.Stderr
	return c
}

func act(action, dir string) error {
	ctx := context.Background()
	verb, rest, _ := strings.Cut(action, " ")
	switch verb {
	case "open":
		_, err := Open(dir, Options{})
		return report(err)
	case "fill":
		return report(fill(ctx, dir))
	case "use":
		s, err := Open(dir, Options{})
		if err == nil {
			_, err = s.Source(rest).Identity(ctx)
		}
		return report(err)
	case "add", "remove":
		return report(changeOne(ctx, dir, verb, rest))
	case "sign":
		return signOn(ctx, dir, rest)
	case "change":
		return changeOnce(ctx, dir, rest)
	}
	return errors.New("no such action")
}

func report(err error) error {
	r := struct {
		Err, Hint string
		Access    bool
	}{}
	if err != nil {
		r.Err, r.Hint, r.Access = err.Error(), hint(err), errors.Is(err, ErrAccess)
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// fill makes a store, unless it is there, and adds certificates to it.
func fill(ctx context.Context, dir string) error {
	s, err := Create(dir, Options{})
	if err != nil {
		return err
	}
	id, err := authority().Issue(pkiLeaf)
	if err != nil {
		return err
	}
	o := AddOptions{Replace: true}
	return errors.Join(
		s.Add(ctx, "one", id, o),
		s.AddAll(ctx, []Addition{{Identifier: "two", Identity: id, AddOptions: o}, {Identifier: "three", Identity: id, AddOptions: o}}),
		s.Remove(ctx, "one"),
	)
}

// changeOne adds or removes a certificate.
func changeOne(ctx context.Context, dir, verb, name string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	if verb == "remove" {
		return s.Remove(ctx, name)
	}
	id, err := authority().Issue(pkiLeaf)
	if err != nil {
		return err
	}
	return s.Add(ctx, name, id, AddOptions{Replace: true})
}

// signOn signs with a certificate again and again until standard input ends, and says each new one's serial number.
func signOn(ctx context.Context, dir, name string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		close(ended)
	}()
	source := s.Source(name)
	before := ""
	for n := 1; ; n++ {
		id, err := source.Identity(ctx)
		if err == nil {
			err = matches(id)
		}
		if err != nil {
			return err
		}
		if len(id.Chain) != 1 {
			return errors.New("the chain is gone")
		}
		if serial := id.Certificate.SerialNumber.String(); serial != before {
			fmt.Println(serial)
			before = serial
		}
		select {
		case <-ended:
			fmt.Println("signed", n)
			return nil
		default:
		}
	}
}

// changeOnce makes one change. Its certificates are in files beside the store, because making them takes time.
func changeOnce(ctx context.Context, dir, kind string) error {
	names := strings.Fields(kind)
	kind, names = names[0], names[1:]
	var additions []Addition
	if kind != "remove" {
		for _, name := range names {
			id, err := identity.File{Certificate: filepath.Join(filepath.Dir(dir), name+".pem")}.Identity(ctx)
			if err != nil {
				return err
			}
			additions = append(additions, Addition{Identifier: name, Identity: id, AddOptions: AddOptions{Replace: true}})
		}
	}
	fmt.Println("go")
	s, err := Create(dir, Options{})
	if err != nil || kind == "create" {
		return err
	}
	if kind == "remove" {
		return s.Remove(ctx, names[0])
	}
	return s.AddAll(ctx, slices.Clip(additions))
}
