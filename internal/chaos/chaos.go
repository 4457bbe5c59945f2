// Package chaos is tests alone: sixty faults between the agent and AWS, each in five phases of a session's life. The command runs as
// an agent and as the emulator, in processes of their own; programs of other users ask for credentials all the time; between agent and
// emulator stands what misbehaves. docs/reliability.md has the table.
package chaos
