/* SPDX-License-Identifier: GPL-2.0 */
/* Entry of a bare guest: as a kernel is entered, 64-bit mode, boot parameters in RSI. */
	.section .text.start, "ax"
	.globl start
start:
	leaq	stack_end(%rip), %rsp
	movq	%rsi, %rdi
	call	bare_main
1:	hlt
	jmp	1b

/* Exceptions that bare_try() may provoke: skip to its landing place, tell the vector. */
	.globl bare_vectors
	.align 32
bare_vectors:
	.set	vector, 0
	.rept	32
	.align	32
	.if	(vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
	addq	$8, %rsp
	.endif
	movl	$vector, bare_exception(%rip)
	jmp	landing
	.set	vector, vector + 1
	.endr

landing:
	movq	bare_landing(%rip), %rax
	movq	%rax, (%rsp)
	movq	bare_landing_stack(%rip), %rax
	movq	%rax, 24(%rsp)
	iretq

/* An interrupt: count it. */
	.globl bare_interrupt
	.align 16
bare_interrupt:
	lock incl bare_interrupts(%rip)
	iretq

/* u64 bare_hypercall(void *page, u64 control, u64 rdx, u64 r8) */
	.globl bare_hypercall
bare_hypercall:
	movq	%rdi, %rax
	movq	%rcx, %r8
	movq	%rsi, %rcx
	call	*%rax
	ret

/* int bare_rdmsr(u32 msr, u64 *value): 0, or the exception's vector */
	.globl bare_rdmsr
bare_rdmsr:
	movl	%edi, %ecx
	movl	$-1, bare_exception(%rip)
	leaq	1f(%rip), %rax
	movq	%rax, bare_landing(%rip)
	movq	%rsp, bare_landing_stack(%rip)
	rdmsr
	shlq	$32, %rdx
	orq	%rdx, %rax
	movq	%rax, (%rsi)
	xorl	%eax, %eax
	ret
1:	movl	bare_exception(%rip), %eax
	ret

/* int bare_wrmsr(u32 msr, u64 value): 0, or the exception's vector */
	.globl bare_wrmsr
bare_wrmsr:
	movl	%edi, %ecx
	movl	$-1, bare_exception(%rip)
	leaq	1f(%rip), %rax
	movq	%rax, bare_landing(%rip)
	movq	%rsp, bare_landing_stack(%rip)
	movq	%rsi, %rdx
	shrq	$32, %rdx
	movl	%esi, %eax
	wrmsr
	xorl	%eax, %eax
	ret
1:	movl	bare_exception(%rip), %eax
	ret

	.bss
	.align 16
	.skip 16384
stack_end:

	.section .note.GNU-stack, "", @progbits
