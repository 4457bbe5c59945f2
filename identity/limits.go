package identity

// limits bound what a file may cost before it is found to be good or bad.
type limits struct {
	size         int64 // bytes a file
	certificates int   // all files together
	keys         int   // a file
	iterations   int64 // a key derivation (PBKDF2, PKCS#12)
	scryptMemory int64 // bytes a key derivation with scrypt
	total        int64 // iterations of all key derivations of a file
}

// standard is far above what tools write (2,048 to 1,000,000 iterations, 16
// MiB of scrypt) and keeps the decision on any file below 1.5 seconds.
func standard() limits {
	return limits{
		size:         1 << 20,
		certificates: 16,
		keys:         16,
		iterations:   2_000_000,
		scryptMemory: 64 << 20,
		total:        4_000_000,
	}
}

// A budget is what is left of the limits of one file. It is charged for a key
// derivation when the parameters are read, before anything is derived.
type budget struct {
	limits
	spent int64 // of total
}

func (b *budget) chargeIterations(n int64) error {
	switch {
	case n < 1:
		return problem(ErrDamaged, "the iteration count of a key derivation is not positive")
	case n > b.iterations:
		return problem(ErrTooCostly, "more than %d iterations; export the file again with fewer, such as 600000", b.iterations)
	}
	return b.spend(n)
}

// chargeScrypt takes the cost parameters of RFC 7914 section 2: memory is
// 128·N·r bytes, all of it mixed p times. Mixing 128 bytes takes about as long
// as an iteration of PBKDF2.
func (b *budget) chargeScrypt(n, r, p int64) error {
	if n < 2 || n&(n-1) != 0 || r < 1 || p < 1 {
		return problem(ErrDamaged, "the parameters of scrypt are not valid")
	}
	blocks := b.scryptMemory / 128
	if r > blocks || n > blocks/r {
		return problem(ErrTooCostly, "scrypt with more than %d bytes of memory; encrypt the key again with N=16384, r=8, p=1", b.scryptMemory)
	}
	if p > b.total {
		p = b.total // more than enough, and the product below fits
	}
	return b.spend(n * r * p)
}

func (b *budget) spend(n int64) error {
	b.spent += n
	if b.spent > b.total {
		return problem(ErrTooCostly, "more than %d iterations in all; export the file again with fewer, such as 600000", b.total)
	}
	return nil
}
