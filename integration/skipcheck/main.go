// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: skipcheck EVENTS EXPECTED-SKIPS")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "skipcheck:", err)
		os.Exit(1)
	}
}

func run(events, skips string) error {
	f, err := os.Open(skips)
	if err != nil {
		return err
	}
	defer f.Close()
	expected, err := readExpected(f)
	if err != nil {
		return err
	}
	in, err := os.Open(events)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := readEvents(in)
	if err != nil {
		return err
	}
	fmt.Printf("%d tests passed, %d failed, %d skipped in %d packages\n",
		len(r.tests("pass")), len(r.tests("fail")), len(r.tests("skip")), r.packages)
	for _, name := range r.again {
		fmt.Println("passed only when it ran again:", name)
	}
	return r.verdict(expected)
}
