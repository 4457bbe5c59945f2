package certstore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/pki"
)

// A store is made, gets a certificate, and hands it out by its name. A certificate in files would come from identity.File.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ca, err := pki.NewCA("Example CA", time.Now())
	if err != nil {
		log.Fatal(err)
	}
	id, err := ca.Issue(pki.Leaf{CommonName: "backup-client"})
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	store, err := certstore.Create(filepath.Join(dir, "certificates"), certstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Add(ctx, "backup", id, certstore.AddOptions{Aliases: []string{"MY S3"}}); err != nil {
		log.Fatal(err)
	}

	source := store.Source("my s3") // read again at every use: a replaced certificate needs no restart
	got, err := source.Identity(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(got.Origin, got.Certificate.Subject)

	_, err = store.Source("bakcup").Identity(ctx)
	fmt.Println(err)
	if mistake := new(certstore.Error); errors.As(err, &mistake) {
		fmt.Println(mistake.Hint())
	}
	// Output:
	// backup CN=backup-client
	// certificate "bakcup": no certificate has this identifier
	// did you mean backup? the store has backup; awsauth certificate list shows them
}
