// Command awsauth gives programs that run outside AWS the credentials they need.
package main

import (
	"os"

	"github.com/awsauth-go/awsauth/internal/cli"
)

func main() { os.Exit(cli.Main()) }
