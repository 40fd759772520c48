// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// Functions that a probe is put at, each named for its first instruction.

TEXT ·nop(SB), NOSPLIT|NOFRAME, $0-0
	BYTE $0x90
	RET

TEXT ·nop5(SB), NOSPLIT|NOFRAME, $0-0
	BYTE $0x0f; BYTE $0x1f; BYTE $0x44; BYTE $0x00; BYTE $0x00
	RET

// push %rbp; pop %rbp
TEXT ·push(SB), NOSPLIT|NOFRAME, $0-0
	BYTE $0x55
	BYTE $0x5d
	RET

// To the next instruction.
TEXT ·jump(SB), NOSPLIT|NOFRAME, $0-0
	BYTE $0xeb; BYTE $0x00
	RET

// Of the second RET, which returns to the first one.
TEXT ·call(SB), NOSPLIT|NOFRAME, $0-0
	BYTE $0xe8; BYTE $0x01; BYTE $0x00; BYTE $0x00; BYTE $0x00
	BYTE $0xc3
	BYTE $0xc3

TEXT ·endbr64(SB), NOSPLIT|NOFRAME, $0-0
	BYTE $0xf3; BYTE $0x0f; BYTE $0x1e; BYTE $0xfa
	RET

// mov %rax, %rax
TEXT ·mov(SB), NOSPLIT|NOFRAME, $0-0
	BYTE $0x48; BYTE $0x89; BYTE $0xc0
	RET

// The same as push, for a probe at its return only.
TEXT ·returning(SB), NOSPLIT|NOFRAME, $0-0
	BYTE $0x55
	BYTE $0x5d
	RET

// func repeat(function uintptr, times int)
TEXT ·repeat(SB), NOSPLIT, $0-16
	MOVQ function+0(FP), DI
	MOVQ times+8(FP), BX
again:
	CALL DI
	DECQ BX
	JNZ  again
	RET

// func addresses(of *[8]uintptr)
TEXT ·addresses(SB), NOSPLIT, $0-8
	MOVQ of+0(FP), DI
	LEAQ ·nop(SB), AX
	MOVQ AX, 0(DI)
	LEAQ ·nop5(SB), AX
	MOVQ AX, 8(DI)
	LEAQ ·push(SB), AX
	MOVQ AX, 16(DI)
	LEAQ ·jump(SB), AX
	MOVQ AX, 24(DI)
	LEAQ ·call(SB), AX
	MOVQ AX, 32(DI)
	LEAQ ·endbr64(SB), AX
	MOVQ AX, 40(DI)
	LEAQ ·mov(SB), AX
	MOVQ AX, 48(DI)
	LEAQ ·returning(SB), AX
	MOVQ AX, 56(DI)
	RET
