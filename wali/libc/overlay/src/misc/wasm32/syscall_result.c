#include "syscall.h"

long __wali_syscall_result(unsigned long r)
{
	return __syscall_ret(r);
}
