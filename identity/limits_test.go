package identity

import "testing"

func TestChargesEndAtTheLimits(t *testing.T) {
	const million = 1_000_000
	type charge func(*budget) error
	iterations := func(n int64) charge {
		return func(b *budget) error { return b.chargeIterations(n, hashesPBKDF2) }
	}
	costly := func(n, hashes int64) charge {
		return func(b *budget) error { return b.chargeIterations(n, hashes) }
	}
	scrypt := func(n, r, p int64) charge { return func(b *budget) error { return b.chargeScrypt(n, r, p) } }
	for _, test := range []struct {
		name    string
		charges []charge
		want    error // of the last; those before are good
	}{
		{"two million iterations", []charge{iterations(2 * million)}, nil},
		{"one more", []charge{iterations(2*million + 1)}, ErrTooCostly},
		{"four million in all", []charge{iterations(2 * million), iterations(2 * million)}, nil},
		{"one more in all", []charge{iterations(2 * million), iterations(2 * million), iterations(1)}, ErrTooCostly},
		{"no iterations", []charge{iterations(0)}, ErrDamaged},
		{"less than no iterations", []charge{iterations(-1)}, ErrDamaged},
		{"one million iterations of eight hashes", []charge{costly(million, 8)}, nil},
		{"one million iterations of nine hashes", []charge{costly(million, 9)}, ErrTooCostly},
		{"the most iterations of the most hashes", []charge{costly(2*million, 1000)}, ErrTooCostly},
		{"scrypt with 64 MiB", []charge{scrypt(1<<16, 8, 1)}, nil},
		{"scrypt with 64 MiB twice", []charge{scrypt(1<<16, 8, 1), scrypt(1<<16, 8, 1)}, ErrTooCostly},
		{"scrypt with 64 MiB and the least r", []charge{scrypt(1<<19, 1, 1)}, nil},
		{"scrypt with another MiB for r", []charge{scrypt(1<<6, 2730, 1)}, nil},
		{"scrypt with more than another MiB for r", []charge{scrypt(1<<6, 2731, 1)}, ErrTooCostly},
		{"scrypt with another MiB for p", []charge{scrypt(2, 8, 1022)}, nil},
		{"scrypt with more than another MiB for p", []charge{scrypt(2, 8, 1023)}, ErrTooCostly},
		{"scrypt with 128 MiB", []charge{scrypt(1<<17, 8, 1)}, ErrTooCostly},
		{"scrypt with 64 MiB and 8 KiB", []charge{scrypt(1<<16, 9, 1)}, ErrTooCostly},
		{"scrypt as OpenSSL writes it, often", []charge{scrypt(1<<14, 8, 7)}, nil},
		{"scrypt as OpenSSL writes it, too often", []charge{scrypt(1<<14, 8, 8)}, ErrTooCostly},
		{"scrypt after iterations", []charge{iterations(2 * million), scrypt(1<<14, 8, 4)}, ErrTooCostly},
		{"scrypt with an N that is no power of two", []charge{scrypt(3, 8, 1)}, ErrDamaged},
		{"scrypt with N = 1", []charge{scrypt(1, 8, 1)}, ErrDamaged},
		{"scrypt with r = 0", []charge{scrypt(2, 0, 1)}, ErrDamaged},
		{"scrypt with p = 0", []charge{scrypt(2, 1, 0)}, ErrDamaged},
		{"scrypt with the largest p", []charge{scrypt(1<<16, 8, 1<<63-1)}, ErrTooCostly},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := budget{limits: standard()}
			for i, c := range test.charges {
				err := c(&b)
				if i < len(test.charges)-1 || test.want == nil {
					if err != nil {
						t.Fatal(err)
					}
					continue
				}
				checkError(t, err, test.want)
			}
		})
	}
}
