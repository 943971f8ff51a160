# Entered by the engine on a new thread with its tid and what __wali_clone_thread prepared.

	.globaltype	__stack_pointer, i32
	.globaltype	__tls_base, i32
	.functype	__wasm_thread_start_c (i32, i32) -> ()
	.hidden	__wasm_thread_start_c

	.export_name	__wasm_thread_start_libc, __wasm_thread_start_libc
	.globl	__wasm_thread_start_libc
	.hidden	__wasm_thread_start_libc
	.type	__wasm_thread_start_libc,@function
__wasm_thread_start_libc:
	.functype	__wasm_thread_start_libc (i32, i32) -> ()
	local.get	1
	i32.load	0
	global.set	__stack_pointer
	local.get	1
	i32.load	4
	global.set	__tls_base
	local.get	0
	local.get	1
	call	__wasm_thread_start_c
	end_function
