/* SPDX-License-Identifier: GPL-2.0-only */
/* A look at the first words of a statement. */
#include "text.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char *skip_blanks_and_comments(const char *s, const char *end)
{
	while (s < end) {
		if (*s == ' ' || (*s >= '\t' && *s <= '\r')) {
			s++;
		} else if (end - s >= 2 && s[0] == '/' && s[1] == '*') {
			const char *close = memmem(s + 2, end - s - 2, "*/", 2);

			s = close ? close + 2 : end;
		} else if (*s == '#' || (end - s >= 2 && s[0] == '-' && s[1] == '-')) {
			const char *newline = memchr(s, '\n', end - s);

			s = newline ? newline + 1 : end;
		} else {
			break;
		}
	}
	return s;
}

static int begins_with(const char *s, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - s) >= n && strncasecmp(s, word, n) == 0;
}

int may_be_execute(const char *query, unsigned int len)
{
	const char *end = query + len, *s = skip_blanks_and_comments(query, end);

	if (begins_with(s, end, "SET")) {
		s = skip_blanks_and_comments(s + strlen("SET"), end);
		return begins_with(s, end, "STATEMENT");
	}
	return begins_with(s, end, "EXECUTE");
}
