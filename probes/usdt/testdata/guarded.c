// SPDX-License-Identifier: Apache-2.0
//
// A probe that fires only while its semaphore is above zero.

#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

__attribute__((section(".probes"), visibility("hidden"))) unsigned short fixture_guarded_semaphore;
__attribute__((section(".probes"), visibility("hidden"))) unsigned short fixture_other_semaphore;

void guarded(int value)
{
	if (__builtin_expect(*(volatile unsigned short *)&fixture_guarded_semaphore, 0))
		STAP_PROBE1(fixture, guarded, value);
	if (__builtin_expect(*(volatile unsigned short *)&fixture_other_semaphore, 0))
		STAP_PROBE1(fixture, other, value);
}
