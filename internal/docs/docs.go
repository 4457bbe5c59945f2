// Package docs holds what the documents say to what the code does: links lead somewhere, README's transcript is what the
// demo prints, its commands and its Go compile, docs/errors.md has every error and every hint, and docs/low-code.md every error of the
// actions.
//
// It has tests alone.
package docs
