package policy

import "strings"

// SyntaxError says what is wrong with a policy document, and where. It quotes names of elements, operators and
// condition keys, never values.
type SyntaxError struct {
	Path    string // such as "Statement[1].Condition.StringEquals"; empty for the document as a whole
	Problem string // such as "unknown condition operator, did you mean StringEquals?"
}

// Error returns "parse policy: ", the path and the problem.
func (e *SyntaxError) Error() string {
	if e.Path == "" {
		return "parse policy: " + e.Problem
	}
	return "parse policy: " + e.Path + ": " + e.Problem
}

// child returns the path of the member name of the object at path. A name that could be anything is not shown.
func child(path, name string) string {
	if len(name) > 128 || strings.ContainsFunc(name, unlikeName) {
		name = "(unprintable name)"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

func unlikeName(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r > '~' }

// unknown returns "unknown " and what, and if one of the known names is close to the name, a suggestion.
func unknown(what, name string, known []string) string {
	if near := closest(name, known); near != "" {
		return "unknown " + what + ", did you mean " + near + "?"
	}
	return "unknown " + what
}

// closest returns the known name that takes the fewest edits to reach from name, if that is at most a third of it.
func closest(name string, known []string) string {
	if len(name) > 64 {
		return ""
	}
	best, least := "", min(len(name)/3, 4)+1
	for _, k := range known {
		if d := edits(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance of a and b in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
