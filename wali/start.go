package wali

import (
	"golang.org/x/sys/unix"
)

const enosys = unix.ENOSYS

// startFunctions are the imports that are not system calls: start, end and
// arguments of a process. Source: the WALI C library.
var startFunctions = []Row{
	{Name: "__init", Do: func(*Thread, Args) int64 { return 0 }},
	{Name: "__deinit", Do: func(*Thread, Args) int64 { return 0 }},
	{Name: "__proc_exit", Args: "int status", Do: sysExitGroup},
	{Name: "__cl_get_argc", Do: func(t *Thread, _ Args) int64 { return int64(len(t.Process.Args)) }},
	{Name: "__cl_get_argv_len", Args: "unsigned int index", Do: argvLen},
	{Name: "__cl_copy_argv", Args: "char* buf, unsigned int index", Do: copyArgv},
	{Name: "__get_init_envfile", Args: "char* buf, size_t size", Do: initEnvFile},
}

func argvLen(t *Thread, a Args) int64 {
	i := a.Uint(0)
	if i >= uint32(len(t.Process.Args)) {
		return errno(unix.EINVAL)
	}
	return int64(len(t.Process.Args[i]))
}

// copyArgv copies argument i and its NUL to the guest.
func copyArgv(t *Thread, a Args) int64 {
	i := a.Uint(1)
	if i >= uint32(len(t.Process.Args)) {
		return errno(unix.EINVAL)
	}
	arg := t.Process.Args[i]
	p := a.Ptr(0)
	if e := t.Memory.WriteString(p, arg); e != 0 {
		return errno(e)
	}
	if e := t.Memory.Write(p+uint32(len(arg)), []byte{0}); e != 0 {
		return errno(e)
	}
	return 0
}
