// Package nearest finds the name that was probably meant.
package nearest

import "strings"

// A mistyped name is recognised when no more than one letter in lettersPerMistake is wrong, or when it is as long as
// shortest and the beginning of a name, or begins with one.
const (
	lettersPerMistake = 3
	shortest          = 3
)

// Name answers the name that was probably meant, or "". It does not look at case.
func Name(typed string, names []string) string {
	best, least := "", 0
	lower := strings.ToLower(typed)
	for _, name := range names {
		candidate := strings.ToLower(name)
		distance := Distance(lower, candidate)
		begins := len(typed) >= shortest && (strings.HasPrefix(candidate, lower) || strings.HasPrefix(lower, candidate))
		if near := begins || distance*lettersPerMistake <= len(name); near && (best == "" || distance < least) {
			best, least = name, distance
		}
	}
	return best
}

// longest bounds what is compared, in bytes: what is longer is no name.
const longest = 128

// Distance counts the letters to insert, delete, replace or swap with their neighbour.
func Distance(a, b string) int {
	if len(a) > longest || len(b) > longest {
		return max(len(a), len(b))
	}
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
