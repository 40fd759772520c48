/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANBRIDGE_TEXT_H
#define SPANBRIDGE_TEXT_H

/*
 * True for EXECUTE and SET STATEMENT. That the latter may turn out not to be an
 * EXECUTE does no harm: an error ends it too, only a little before its STATUS.
 */
int may_be_execute(const char *query, unsigned int len);

#endif
