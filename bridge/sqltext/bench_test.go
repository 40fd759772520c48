// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"fmt"
	"strings"
	"testing"
)

// benchTexts are statements of common loads: sysbench's, an ORM's, a bulk
// insert, and one of 4 KiB, which is where captured text is cut.
var benchTexts = []struct{ name, text string }{
	{"point_select", "SELECT c FROM sbtest1 WHERE id=501203"},
	{"insert", "INSERT INTO sbtest1 (id, k, c, pad) VALUES (5012, 4993, '" + strings.Repeat("68487932199-", 10) +
		"', '" + strings.Repeat("67847967377-", 5) + "')"},
	{"orm", "SELECT `orders`.`id`, `orders`.`customer_id`, `orders`.`total`, `orders`.`created_at` FROM `orders` " +
		"INNER JOIN `customers` ON `customers`.`id` = `orders`.`customer_id` WHERE `customers`.`email` = 'a@example.org' " +
		"AND `orders`.`created_at` > '2026-01-01 00:00:00' ORDER BY `orders`.`created_at` DESC LIMIT 20 " +
		"/*traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'*/"},
	{"bulk_insert", "INSERT INTO t (a, b, c) VALUES " + strings.Repeat("(1234, 'some text of a row', NULL), ", 100) + "(1, 'x', 2)"},
	{"in_list", "SELECT a FROM t WHERE id IN (" + strings.Repeat("123456, ", 500) + "1)"},
	{"long_expression", "SELECT " + strings.Repeat("coalesce(customer.first_name, shipping.last_name) AS name, ", 70) + "1"},
}

func BenchmarkSanitize(b *testing.B) {
	for _, bt := range benchTexts {
		b.Run(bt.name, func(b *testing.B) {
			text := []byte(bt.text)
			dst := make([]byte, 0, 3*len(text))
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				dst, _ = AppendSanitized(dst[:0], text, MySQL)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(text)), "ns/byte")
		})
	}
}

func BenchmarkCacheHit(b *testing.B) {
	cache := NewCache(128)
	text, hash := AppendSanitized(nil, []byte(benchTexts[2].text), MySQL)
	b.ReportAllocs()
	for b.Loop() {
		cache.Lookup(text, hash, MySQL)
	}
}

func BenchmarkSummarize(b *testing.B) {
	text, _ := AppendSanitized(nil, []byte(benchTexts[2].text), MySQL)
	b.ReportAllocs()
	for b.Loop() {
		Summarize(string(text), MySQL)
	}
}

func BenchmarkFindCarrier(b *testing.B) {
	for _, i := range []int{0, 1, 2, 5} {
		text := []byte(benchTexts[i].text)
		b.Run(fmt.Sprintf("%s_%d_bytes", benchTexts[i].name, len(text)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				FindCarrier(text, MySQL)
			}
		})
	}
}
