package account

import (
	"compress/flate"
	"io"
	"maps"
	"slices"
	"sync"
)

// packedLimit is how many bytes the policies and tags of a session may take when packed.
const packedLimit = 2048

// PackedSize answers how much of a session's space its policies and tags take, in per cent: 0 for none, more than 100 for
// too much. AWS does not publish how it packs; here they are compressed with DEFLATE.
func (s *Session) PackedSize() int {
	if len(s.Policies) == 0 && len(s.ManagedPolicies) == 0 && len(s.Tags) == 0 {
		return 0
	}
	p := packers.Get().(*packer)
	defer packers.Put(p)
	p.size = 0
	p.deflate.Reset(p)
	p.add(s.Policies...)
	p.add(s.ManagedPolicies...)
	for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
		p.add(key, s.Tags[key])
	}
	if err := p.deflate.Close(); err != nil {
		panic(err) // a packer takes everything
	}
	return (p.size*100 + packedLimit - 1) / packedLimit
}

// packer counts what it is given in compressed form.
type packer struct {
	deflate *flate.Writer // writes to the packer itself
	size    int
}

// packers are kept because each holds tables of hundreds of kilobytes.
var packers = sync.Pool{New: func() any {
	p := new(packer)
	var err error
	if p.deflate, err = flate.NewWriter(p, flate.BestSpeed); err != nil {
		panic(err) // the level is a constant
	}
	return p
}}

// Write counts.
func (p *packer) Write(b []byte) (int, error) {
	p.size += len(b)
	return len(b), nil
}

// add packs texts, each ended by a byte that none of them has.
func (p *packer) add(texts ...string) {
	for _, text := range texts {
		if _, err := io.WriteString(p.deflate, text+"\x00"); err != nil {
			panic(err) // a packer takes everything
		}
	}
}
