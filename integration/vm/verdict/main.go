// SPDX-License-Identifier: Apache-2.0

// Command verdict judges the console of a machine that has run tests: it prints
// what came of them, and fails unless all is well.
//
//	verdict SERIES RELEASE LOG
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spanbridge/spanbridge/integration/vm"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: verdict SERIES RELEASE LOG")
	}
	series, release, path := args[0], args[1], args[2]
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the console: %w", err)
	}
	defer file.Close()
	log, err := vm.ReadLog(file)
	if err != nil {
		return err
	}
	faults := log.Faults(release)
	for _, fault := range faults {
		fmt.Fprintf(os.Stderr, "vm %s: %s\n", series, fault)
	}
	fmt.Fprintf(os.Stderr, "vm %s: Linux %s: %d passed, %d failed, %d skipped\n", series, log.Release,
		log.Count("PASS"), log.Count("FAIL"), log.Count("SKIP"))
	if len(faults) > 0 {
		return fmt.Errorf("vm %s: all of the console is in %s", series, path)
	}
	return nil
}
