// SPDX-License-Identifier: Apache-2.0
//
// A program with two USDT probes around a function that pretends to execute a
// query. A probe is a nop in the machine code and a note in the file that says
// where it is: as long as nobody attaches, it costs that nop.
//
// usage: usdt-demo [-w] [CALLS [MILLISECONDS]]
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sdt.h>
#include <time.h>
#include <unistd.h>

static long milliseconds = 20;

// Sleeps for the whole time, also when a signal interrupts it.
static void work(void)
{
	struct timespec left = {
		.tv_sec = milliseconds / 1000,
		.tv_nsec = milliseconds % 1000 * 1000000,
	};

	while (nanosleep(&left, &left) == -1 && errno == EINTR)
		;
}

static void mysql_execute_query(const char *query)
{
	DTRACE_PROBE(mysql, query__start);
	printf("executing: %s\n", query);
	work();
	DTRACE_PROBE(mysql, query__done);
}

static long number(const char *text, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < 0 || n > max) {
		fprintf(stderr, "usdt-demo: \"%s\" is no number from 0 to %ld\n", text, max);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	long calls = 10;
	int arg = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (arg < argc && strcmp(argv[arg], "-w") == 0) {
		printf("process %d waits for Enter\n", (int)getpid());
		while (getchar() != '\n')
			if (feof(stdin) || ferror(stdin))
				return 1;
		arg++;
	}
	if (arg < argc)
		calls = number(argv[arg++], 1000000000);
	if (arg < argc)
		milliseconds = number(argv[arg++], 3600000);
	if (arg < argc) {
		fprintf(stderr, "usage: usdt-demo [-w] [CALLS [MILLISECONDS]]\n");
		return 2;
	}
	for (long i = 0; i < calls; i++)
		mysql_execute_query("SELECT * FROM products");
	return 0;
}
