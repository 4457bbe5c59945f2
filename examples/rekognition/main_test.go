package rekognition_test

import (
	"os"
	"testing"

	"github.com/awsauth-go/awsauth/examples/internal/standin"
)

// local stands in for AWS; see package standin.
var local *standin.AWS

func TestMain(m *testing.M) { os.Exit(standin.Main(m, &local)) }
