package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/printable"
)

func newCertificateList(streams IO) *cobra.Command {
	var (
		where  place
		asJSON bool
		paint  colour
	)
	c := &cobra.Command{
		Use:         "list [flags]",
		Short:       "List the certificates in the store",
		Long:        "List the certificates in the store: whose they are, when they end, and which credentials use them.",
		Example:     "  awsauth certificate list\n  awsauth certificate list --json",
		Annotations: map[string]string{annotationExit: "yes"},
		Args:        noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := paint.check(); err != nil {
				return err
			}
			store, err := where.open(streams)
			if err != nil {
				return err
			}
			certificates, err := store.List(c.Context())
			if err != nil {
				return err
			}
			used, note := where.users(streams, certificates)
			views := []certificateView{}
			now := time.Now()
			for _, certificate := range certificates {
				views = append(views, viewOf(certificate, used[strings.ToLower(certificate.Identifier)], now))
			}
			if asJSON {
				return writeJSON(streams.Out, storeView{store.Directory(), string(store.KeySource()), views})
			}
			if note != "" {
				fmt.Fprintln(streams.Err, "awsauth: note: "+note)
			}
			_, err = fmt.Fprint(streams.Out, listCertificates(store, views, paint.painter(streams), now))
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, for scripts")
	heading(c, "How it is shown", "json")
	paint.flag(c)
	where.flags(c)
	return c
}

// writeJSON writes a line for scripts, in which what others have written cannot draw on a terminal.
func writeJSON(w io.Writer, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(printable.JSON(raw), '\n'))
	return err
}

// storeView is the store as JSON has it.
type storeView struct {
	Directory    string            `json:"store"`
	Key          string            `json:"store_key"` // where it is
	Certificates []certificateView `json:"certificates"`
}

func listCertificates(store *certstore.Store, views []certificateView, paint func(code, text string) string, now time.Time) string {
	rows := [][]cell{plainRow("IDENTIFIER", "SUBJECT", "ISSUER", "KEY", "EXPIRES", "USED BY")}
	var errs []string
	for _, v := range views {
		used := "(none)"
		if len(v.UsedBy) > 0 {
			used = strings.Join(v.UsedBy, ", ")
		}
		if v.Error != "" {
			errs = append(errs, v.Identifier+": "+printable.Line(v.Error))
			if v.Subject == "" {
				rows = append(rows, []cell{{v.Identifier, ""}, {"(cannot be read)", red}, {"–", ""}, {"–", ""}, {"–", ""}, {used, ""}})
				continue
			}
		}
		rows = append(rows, []cell{
			{v.Identifier, ""}, {printable.Line(v.Subject), ""}, {commonName(printable.Line(v.Issuer)), ""}, {v.Algorithm, ""}, v.ends(now), {used, ""},
		})
	}
	var b strings.Builder
	b.WriteString(table(rows, paint))
	for _, e := range errs {
		b.WriteString("\n" + e + "\n")
	}
	fmt.Fprintf(&b, "\nstore  %s (key: %s)\n", store.Directory(), store.KeySource())
	return b.String()
}

// commonName shortens an issuer that has one.
func commonName(subject string) string {
	for _, part := range strings.Split(subject, ",") {
		if name, ok := strings.CutPrefix(part, "CN="); ok {
			return name
		}
	}
	return subject
}

func newCertificateShow(streams IO) *cobra.Command {
	var (
		where  place
		asJSON bool
		paint  colour
	)
	c := &cobra.Command{
		Use:               "show IDENTIFIER [flags]",
		Short:             "Show a certificate of the store",
		Long:              "Show all that there is to know of a certificate in the store, but for its key.",
		Example:           "  awsauth certificate show backup",
		Annotations:       map[string]string{annotationExit: "yes"},
		Args:              oneName("a certificate's identifier"),
		ValidArgsFunction: completeIdentifiers(streams, &where),
		RunE: func(c *cobra.Command, args []string) error {
			return ofName(args[0], func() error {
				if err := paint.check(); err != nil {
					return err
				}
				store, err := where.open(streams)
				if err != nil {
					return err
				}
				certificate, err := store.Certificate(c.Context(), args[0])
				if err != nil {
					return err
				}
				used, _ := where.users(streams, []*certstore.Certificate{certificate})
				now := time.Now()
				v := viewOf(certificate, used[strings.ToLower(certificate.Identifier)], now)
				if asJSON {
					return writeJSON(streams.Out, v)
				}
				_, err = fmt.Fprint(streams.Out, v.describe(paint.painter(streams), now))
				return err
			}())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, for scripts")
	heading(c, "How it is shown", "json")
	paint.flag(c)
	where.flags(c)
	return c
}

// describe tells a person everything about a certificate.
func (v certificateView) describe(paint func(code, text string) string, now time.Time) string {
	rows := [][]cell{plainRow("identifier", v.Identifier)}
	add := func(label, text string) {
		if text != "" {
			rows = append(rows, plainRow(label, printable.Line(text)))
		}
	}
	add("aliases", strings.Join(v.Aliases, ", "))
	add("error", v.Error)
	add("subject", v.Subject)
	add("issuer", v.Issuer)
	add("serial", v.Serial)
	add("key", v.Algorithm)
	if v.Subject != "" {
		ends := v.ends(now)
		add("not before", v.NotBefore)
		rows = append(rows, []cell{{"not after", ""}, {v.NotAfter + " (" + ends.text + ")", ends.code}})
	}
	add("chain", strings.Join(v.Chain, " → "))
	add("SHA-256", v.SHA256)
	add("SHA-1", v.SHA1)
	used := "(none)"
	if len(v.UsedBy) > 0 {
		used = strings.Join(v.UsedBy, ", ")
	}
	add("used by", used)
	if v.Link != nil {
		add("linked", strings.Join(nonEmpty(v.Link.Certificate, v.Link.PrivateKey, v.Link.Chain), ", "))
	}
	add("added", v.Added)
	return table(rows, paint)
}

func nonEmpty(texts ...string) (some []string) {
	for _, text := range texts {
		if text != "" {
			some = append(some, text)
		}
	}
	return some
}
