// SPDX-License-Identifier: Apache-2.0

// Package process runs a child process that must not outlive the program that
// started it: a private database server or trace backend.
//
// It never chooses what to run, never restarts anything and never touches a
// process that it did not start.
package process
