package iam

import (
	"maps"
	"slices"
)

// Operations names all operations.
func Operations() []string { return slices.Sorted(maps.Keys(operations)) }
