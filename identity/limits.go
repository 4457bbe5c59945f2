package identity

import "hash"

// limits bound what files may cost before they are found to be good or bad.
type limits struct {
	size         int64 // bytes a file
	certificates int   // all files together
	keys         int   // a file
	iterations   int64 // a key derivation (PBKDF2, PKCS#12)
	scryptMemory int64 // bytes a key derivation with scrypt
	hashes       int64 // of all key derivations of all files together
}

// standard is far above what tools write (2,048 to 1,000,000 iterations, 16
// MiB of scrypt) and keeps the decision on any files below 1.5 seconds.
func standard() limits {
	return limits{
		size:         1 << 20,
		certificates: 16,
		keys:         16,
		iterations:   2_000_000,
		scryptMemory: 64 << 20,
		hashes:       4_000_000 * hashesPBKDF2,
	}
}

// What work takes as long as, in computations of SHA-256 on one block. The
// figures are rounded up; that of scrypt is for memory out of the cache.
const (
	hashesPKCS12      = 1 // an iteration of RFC 7292 appendix B.2
	hashesPBKDF2      = 2 // an iteration of RFC 8018 section 5.2, with HMAC
	hashesScryptBlock = 8 // mixing 128 bytes
	hashesSHA512      = 3 // one computation of SHA-384 or SHA-512
)

// A budget is what is left of the limits of one identity. It is charged for a
// key derivation when the parameters are read, before it is run.
type budget struct {
	limits
	spent int64 // of hashes
}

// chargeIterations takes an iteration count and the hashes of one iteration.
func (b *budget) chargeIterations(n, hashes int64) error {
	switch {
	case n < 1:
		return problem(ErrDamaged, "the iteration count of a key derivation is not positive")
	case n > b.iterations:
		return problem(ErrTooCostly, "more than %d iterations; export the file again with fewer, such as 600000", b.iterations)
	}
	return b.spend(n * hashes)
}

// hashesOf is the cost of size bytes of a hash, which PBKDF2 and PKCS#12 take
// in every iteration.
func hashesOf(newHash func() hash.Hash, size int) int64 {
	h := newHash()
	hashes := int64((size + h.Size() - 1) / h.Size())
	if h.BlockSize() > 64 {
		hashes *= hashesSHA512
	}
	return hashes
}

// chargeScrypt takes the cost parameters of RFC 7914 section 2. Of the memory,
// 128·r·(N+p+2) bytes, the part that N does not decide may take a 64th.
func (b *budget) chargeScrypt(n, r, p int64) error {
	if n < 2 || n&(n-1) != 0 || r < 1 || p < 1 {
		return problem(ErrDamaged, "the parameters of scrypt are not valid")
	}
	blocks := b.scryptMemory / 128
	if r > blocks || n > blocks/r || p > blocks/64/r-2 {
		return problem(ErrTooCostly, "scrypt with more than %d bytes of memory; encrypt the key again with N=16384, r=8, p=1", b.scryptMemory)
	}
	return b.spend(n * r * p * hashesScryptBlock)
}

func (b *budget) spend(hashes int64) error {
	b.spent += hashes
	if b.spent > b.hashes {
		return problem(ErrTooCostly, "more work than %d iterations of PBKDF2 with SHA-256; export the file again with fewer, such as 600000", b.hashes/hashesPBKDF2)
	}
	return nil
}
