// SPDX-License-Identifier: Apache-2.0

package usdt_test

import (
	"debug/elf"
	"fmt"
	"log"
	"strings"

	"github.com/spanbridge/spanbridge/probes/usdt"
)

func ExampleParseArgs() {
	args, err := usdt.ParseArgs(elf.EM_X86_64, "8@%rdi -4@-24(%rbp) 8@(%rax,%rbx,8) 8f@%xmm0", nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range args {
		line := fmt.Sprintf("%-18s %v of %d bytes %s", a, a.Kind, a.Size, a.Reason)
		fmt.Println(strings.TrimSpace(line))
	}
	// Output:
	// 8@%rdi             register of 8 bytes
	// -4@-24(%rbp)       memory of 4 bytes
	// 8@(%rax,%rbx,8)    indexed of 8 bytes
	// 8f@%xmm0           unavailable of 8 bytes register %xmm0 is not saved at a probe
}
