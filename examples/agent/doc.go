// Package agent holds the examples of an agent under systemd and in a compose file, which its tests check and try.
package agent
