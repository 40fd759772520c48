// SPDX-License-Identifier: Apache-2.0

package sqltext_test

import (
	"fmt"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
)

func Example() {
	raw := []byte("SELECT name FROM customers WHERE mail IN ('a@example.org', 'b@example.org')\n" +
		"/*traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'*/")

	cache := sqltext.NewCache(1000)
	text, hash := sqltext.AppendSanitized(nil, raw, sqltext.MySQL)
	digest := cache.Lookup(text, hash, sqltext.MySQL)
	fmt.Println(digest.Text)
	fmt.Println(digest.Summary.Text)

	carrier, result := sqltext.FindCarrier(raw, sqltext.MySQL)
	fmt.Printf("%v %x %x\n", result, carrier.TraceID, carrier.ParentID)
	// Output:
	// SELECT name FROM customers WHERE mail IN (?)
	// SELECT customers
	// found 4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7
}
