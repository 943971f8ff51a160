# The tag that C++ exceptions are thrown with: its value is the address of the exception.
	.tagtype	__cpp_exception i32
	.globl	__cpp_exception
__cpp_exception:
