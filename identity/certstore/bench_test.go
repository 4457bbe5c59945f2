package certstore

import (
	"fmt"
	"testing"
)

// large is a store of a thousand certificates.
func large(b *testing.B) *Store {
	b.Helper()
	s := freshStore(b)
	id := issue(b, "client")
	additions := make([]Addition, 1000)
	for i := range additions {
		additions[i] = Addition{Identifier: fmt.Sprintf("client-%03d", i), Identity: id, AddOptions: AddOptions{Aliases: []string{fmt.Sprintf("MY CLIENT %d", i)}}}
	}
	if err := s.AddAll(b.Context(), additions); err != nil {
		b.Fatal(err)
	}
	return s
}

func BenchmarkOpenAndUseOneOfThousand(b *testing.B) {
	dir := large(b).dir
	for b.Loop() {
		s, err := Open(dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Source("client-500").Identity(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUseOneOfThousand(b *testing.B) {
	source := large(b).Source("client-500")
	for b.Loop() {
		if _, err := source.Identity(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// An alias is looked for in every file.
func BenchmarkUseOneOfThousandByAlias(b *testing.B) {
	source := large(b).Source("my client 500")
	for b.Loop() {
		if _, err := source.Identity(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListThousand(b *testing.B) {
	s := large(b)
	for b.Loop() {
		all, err := s.List(b.Context())
		if err != nil || len(all) != 1000 {
			b.Fatal(len(all), err)
		}
	}
}

func BenchmarkAddAllThousand(b *testing.B) {
	for b.Loop() {
		large(b)
	}
}
