// SPDX-License-Identifier: Apache-2.0
//
// Probes whose arguments have known values, wherever the compiler puts them.
// fixture_linux_amd64_test.go holds the values and reads them from the running
// program.

#include <sys/sdt.h>

#define HIDDEN __attribute__((visibility("hidden")))
#define OPAQUE __attribute__((noinline, noipa))

HIDDEN int counter = -7;
HIDDEN unsigned char octet = 200;
HIDDEN signed char low = -3;
HIDDEN long table[8] = { 100, 101, 102, 103, 104, 105, 106, 107 };

struct record {
	char tag;
	short half;
	int whole;
	unsigned long wide;
	double real;
	__int128 huge;
};

HIDDEN struct record record = { 'r', -300, -70000, 0x8000000000000001UL, 1.5, 1 };

void guarded(int value);

OPAQUE static void constants(void)
{
	STAP_PROBE5(fixture, constants, 1, -1, 0x123456789abcdefL, (unsigned char)255, (short)-2);
}

OPAQUE static void globals(void)
{
	STAP_PROBE4(fixture, globals, counter, octet, low, table[2]);
}

OPAQUE static void fields(struct record *r)
{
	STAP_PROBE6(fixture, fields, r->tag, r->half, r->whole, r->wide, r->real, r->huge);
}

OPAQUE static void indexed(const long *base, long index)
{
	STAP_PROBE2(fixture, indexed, base[index], base[index + 1]);
}

OPAQUE static void twelve(long a, long b, long c, long d, long e, long f, long g)
{
	STAP_PROBE12(fixture, twelve, a, b, c, d, e, f, g, a + 1, b + 1, c + 1, d + 1, e + 1);
}

/* One probe, three sites: two from inlining, one with other operands. */
static inline __attribute__((always_inline)) void several(int n)
{
	STAP_PROBE1(fixture, several, n);
}

OPAQUE static void sites(int n)
{
	several(1);
	several(n);
	STAP_PROBE1(fixture, several, counter + 10);
}

/* A note with operands of our choice; the compiler emits these forms rarely. */
#define NOTE(name, args)                                              \
	"990: nop\n"                                                  \
	".pushsection .note.stapsdt,\"\",\"note\"\n"                  \
	".balign 4\n"                                                 \
	".4byte 992f-991f, 994f-993f, 3\n"                            \
	"991: .asciz \"stapsdt\"\n"                                   \
	"992: .balign 4\n"                                            \
	"993: .8byte 990b, _.stapsdt.base, 0\n"                       \
	".asciz \"fixture\", \"" name "\", \"" args "\"\n"            \
	"994: .balign 4\n"                                            \
	".popsection\n"

OPAQUE static void forms(void)
{
	__asm__ volatile(NOTE("high", "1@%%ah -1@%%bh 1@%%ch 1@%%dh 1@%%al 2@%%bx")
		:: "a"(0x1234), "b"(0xff80), "c"(0xab00), "d"(0x7f01));
	__asm__ volatile(NOTE("scaled",
		"8@(%%rax,%%rcx,8) 8@8(%%rax,%%rcx,8) 8@-8(%%rax,%%rcx,8) "
		"8@(%%rax,%%rdx) 8@8(%%rax) 8@table+24(%%rip) 8@32+table(%%rip) 8@48+table-8(%%rip)")
		:: "a"(table), "c"(3L), "d"(16L));
	__asm__ volatile(NOTE("mixed", "8f@%%xmm0 -4@%%ecx 4@missing(%%rip) 8@%%fs:0 2@%%dx")
		:: "c"(-5), "d"(6));
#ifndef __PIC__
	__asm__ volatile(NOTE("fixed", "8@table(,%%rcx,8) 8@table+8(%%rdx) 8@$counter 8@%%rsi")
		:: "c"(5L), "d"(16L), "S"(&counter));
#endif
}

int main(void)
{
	constants();
	globals();
	fields(&record);
	indexed(table, 4);
	twelve(1, 20, 300, 4000, 50000, 600000, 7000000);
	sites(2);
	forms();
	guarded(42);
	return 0;
}
