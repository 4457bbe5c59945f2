package named_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/awsauth-go/awsauth/named"
)

// The operator keeps an access key under the name legacy; the program knows the name alone.
func ExampleLoadWith() {
	dir, err := os.MkdirTemp("", "awsauth-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "config.yaml")
	const configuration = `credentials:
  legacy:
    type: static
    access_key_id: AKIAIOSFODNN7EXAMPLE
    secret_access_key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
`
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	provider, err := named.LoadWith(ctx, "legacy", named.Options{ConfigFile: file})
	if err != nil {
		fmt.Println(err)
		return
	}
	credentials, err := provider.Retrieve(ctx)
	fmt.Println(provider.Name(), provider.Type(), credentials.AccessKeyID, err)
	// Output: legacy static AKIAIOSFODNN7EXAMPLE <nil>
}
