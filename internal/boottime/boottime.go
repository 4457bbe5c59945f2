// Package boottime reads the clock that neither a suspended host nor a corrected time stops, steps or turns back.
//
// Go's monotonic clock stands still while a host sleeps (https://go.dev/issue/24595), and the wall clock jumps when somebody
// sets it. Where they disagree, this one tells which of the two has happened.
package boottime
