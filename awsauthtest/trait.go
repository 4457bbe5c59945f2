package awsauthtest

// Trait is one way in which a certificate, its chain or its key differs from a plain good one. Its text is a phrase that
// serves as a subtest's name.
type Trait string

// Kinds: certificates that are good. Checks pass and the emulator answers a session.
const (
	P256    Trait = "P-256" // what Issue makes without traits
	P384    Trait = "P-384"
	P521    Trait = "P-521"
	RSA2048 Trait = "RSA of 2048 bits" // one key for the whole process, as for all RSA kinds
	RSA4096 Trait = "RSA of 4096 bits" // the first one in a process takes seconds
	// ThroughIntermediate is issued by an intermediate that is sent along.
	ThroughIntermediate Trait = "through an intermediate"
	// ThroughIntermediates is issued through five, as many as Roles Anywhere accepts.
	ThroughIntermediates Trait = "through five intermediates"
	// RootInChain has the root in its chain, as many files do. It is not sent.
	RootInChain Trait = "root in the chain"
	// NoCommonName has O=name for a subject: the session's source identity is then its serial number.
	NoCommonName Trait = "no common name"
	// NoExtendedKeyUsage lacks clientAuth, which AWS does not ask for.
	NoExtendedKeyUsage Trait = "no extended key usage"
	// LongSerial has a serial number of 20 octets, the most (RFC 5280 section 4.1.2.2): 48 or 49 decimal digits.
	LongSerial Trait = "serial number of 20 octets"
)

// Defects that identity.Check finds before anything is sent, and that the emulator refuses by itself, with 403
// AccessDeniedException. awsauth.Session stops at the check; rolesanywhere.Client sends them.
const (
	Expired              Trait = "expired"               // ended an hour ago
	NotYetValid          Trait = "not yet valid"         // begins in an hour
	CertificateAuthority Trait = "certificate authority" // CA:TRUE
	NoKeyUsage           Trait = "no key usage"          // without the extension
	NoDigitalSignature   Trait = "no digital signature"  // key usage keyEncipherment alone
	Version1             Trait = "version 1"             // X.509 v1, which has no extensions
	SHA1Signature        Trait = "SHA-1 signature"       // signed by the CA with ECDSA and SHA-1
	EmptySubject         Trait = "empty subject"
	RSA1024              Trait = "RSA of 1024 bits"
	P224                 Trait = "P-224"

	ExpiredIntermediate         Trait = "expired intermediate"              // ended an hour ago
	IntermediateWithoutCertSign Trait = "intermediate without keyCertSign"  // key usage cRLSign alone
	IntermediateNotAuthority    Trait = "intermediate is no authority"      // CA:FALSE
	SHA1Intermediate            Trait = "intermediate with SHA-1 signature" // signed by the root with SHA-1
	TooLongChain                Trait = "too long chain"                    // six intermediates, one more than is accepted
)

// Defects that identity.Check finds and of which the emulator hears nothing: rolesanywhere.Client cannot sign.
const (
	AnotherKey Trait = "another key" // the private key does not belong to the certificate
	Ed25519    Trait = "Ed25519"     // no signature algorithm of Roles Anywhere
)

// Defects that only identity.Check minds: what the emulator makes of the certificate is a session, because the path to
// the trust anchor is there all the same.
const (
	LeafInChain        Trait = "leaf in the chain"          // the certificate once more, as some exports have it
	UnrelatedInChain   Trait = "unrelated in the chain"     // the certificate of another CA
	IntermediatesMixed Trait = "intermediates out of order" // three, the nearest to the root first
)

// Defects that identity.Check cannot see. The emulator refuses them with 403 AccessDeniedException.
const (
	ImpostorCA          Trait = "CA of the same name"  // whose key is another
	UnknownCA           Trait = "unknown CA"           // by name too
	SelfSigned          Trait = "self-signed"          // no CA at all
	MissingIntermediate Trait = "missing intermediate" // issued by one that is not sent
	WrongSignature      Trait = "wrong signature"      // a broken token: it claims the certificate's key and signs with another
	ZeroSerial          Trait = "serial number zero"

	ParenthesesInName Trait = "parentheses in the name" // CN=name(1): no session tag can have them
	SpaceInName       Trait = "space in the name"       // CN="name 1": a source identity cannot have it
	AccentInName      Trait = "accent in the name"      // CN=nameé: a source identity cannot have it
	LongName          Trait = "long name"               // a common name of 65 characters, too long for a source identity
)

// Kinds lists every trait of a good certificate, Defects every other.
func Kinds() []Trait { return traitsOf(kinds) }

// Defects lists every trait that identity.Check or the emulator minds.
func Defects() []Trait { return traitsOf(defects) }

func traitsOf(recipes []recipe) []Trait {
	all := make([]Trait, len(recipes))
	for i, r := range recipes {
		all[i] = r.trait
	}
	return all
}
