package identity_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/awsauth-go/awsauth/identity"
)

func ExampleFile() {
	src := identity.File{
		Certificate: "testdata/vectors/p256i.pem",
		PrivateKey:  "testdata/vectors/p256i.key",
		Chain:       "testdata/vectors/int.pem",
	}
	id, err := src.Identity(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("leaf: ", id.Certificate.Subject)
	fmt.Println("chain:", id.Chain[0].Subject)
	fmt.Println("check:", id.Check(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)))
	// Output:
	// leaf:  CN=p256i,OU=workload,O=Acme
	// chain: CN=TEST INT,O=Acme
	// check: <nil>
}

func ExampleOpen() {
	password := func(ctx context.Context, file string) ([]byte, error) { return []byte("secret"), nil }
	src, err := identity.Open("file:testdata/vectors/rsa2048.pw.p12", password)
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := src.Identity(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(id.Certificate.Subject.CommonName, "from", id.Origin)
	// Output: rsa2048 from testdata/vectors/rsa2048.pw.p12
}

func ExampleIdentity_Check() {
	id, err := identity.File{
		Certificate: "testdata/vectors/expired.pem",
		PrivateKey:  "testdata/vectors/expired.key",
	}.Identity(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	err = id.Check(time.Date(2026, 11, 24, 21, 0, 0, 0, time.UTC))
	fmt.Println(errors.Is(err, identity.ErrExpired))
	fmt.Println(err)
	// Output:
	// true
	// identity "testdata/vectors/expired.pem": certificate has expired: "CN=expired" ended on 2026-11-21, 3 days ago
}
