package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/leastprivilege"
)

func newPolicy(streams IO) *cobra.Command {
	var (
		operations, resources []string
		list                  bool
	)
	c := &cobra.Command{
		Use:   "policy " + strings.Join(leastprivilege.ServiceNames(), "|") + " [flags]",
		Short: "Print the smallest IAM policy for S3, Rekognition, SNS or SQS",
		Long: `Print the IAM policy that allows operations of a service on resources, and nothing else: all that the connectors do where no
operation is named, and an example of each resource where none is given. A bucket stands for its objects, too.`,
		Example: `  awsauth policy s3 --resource arn:aws:s3:::photos --operations GetObject,ListObjects
  awsauth policy sqs --list`,
		Annotations:       map[string]string{annotationExit: "yes"},
		Args:              oneName("a service: " + strings.Join(leastprivilege.ServiceNames(), ", ")),
		ValidArgsFunction: cobra.FixedCompletions(leastprivilege.ServiceNames(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(_ *cobra.Command, args []string) error {
			service, err := leastprivilege.Find(args[0])
			if err != nil {
				return usageError{err, ""}
			}
			if list {
				return say(streams, describeOperations(service))
			}
			document, err := leastprivilege.Policy(service.Name, operations, resources)
			if err != nil {
				return usageError{err, "awsauth policy " + service.Name + " --list shows the operations and what they are about"}
			}
			return say(streams, string(document.JSON()))
		},
	}
	f := c.Flags()
	f.StringArrayVar(&resources, "resource", nil, "`ARN` what is allowed to be used; may be given several times")
	f.StringSliceVar(&operations, "operations", nil, "`OPERATION,…` what is allowed (default all)")
	f.BoolVar(&list, "list", false, "show the operations, and which permission each needs")
	heading(c, "What is allowed", "resource", "operations", "list")
	return c
}

// describeOperations is the table of a service's operations.
func describeOperations(s leastprivilege.Service) string {
	rows := [][]cell{plainRow("OPERATION", "PERMISSION", "ABOUT")}
	for _, o := range s.Operations {
		name := o.Name
		for _, n := range o.Needs {
			rows = append(rows, plainRow(name, n.Action, string(n.Kind)))
			name = ""
		}
	}
	text := table(rows, func(_, text string) string { return text })
	for _, e := range s.Kinds {
		text += fmt.Sprintf("a %s is named as %s\n", e.Kind, e.ARN)
	}
	return text
}
