//go:build !unix

package identity

// nonblocking is nothing where no FIFO has a path among the files.
const nonblocking = 0
