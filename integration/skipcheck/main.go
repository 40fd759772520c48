// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -json ... | skipcheck EXPECTED-SKIPS")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "skipcheck:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	expected, err := readExpected(f)
	if err != nil {
		return err
	}
	r, err := readEvents(os.Stdin, os.Stdout)
	if err != nil {
		return err
	}
	fmt.Printf("%d tests passed, %d failed, %d skipped in %d packages\n",
		r.passed, len(r.failed), len(r.skipped), r.packages)
	return r.verdict(expected)
}
