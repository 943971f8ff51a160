package seccomp

import (
	"slices"

	"golang.org/x/sys/unix"

	"walisup/wali"
)

// helperCalls are what a helper calls besides what it hands on for its guest unchanged: for
// host functions that make other calls than the guest's, for threads, fork and execve, for
// compiling, and in the Go runtime. A test compares with the source.
var helperCalls = append(localCalls, []uint32{
	unix.SYS_BRK, unix.SYS_CAPGET, unix.SYS_CAPSET, unix.SYS_CHDIR, unix.SYS_CHROOT, unix.SYS_CLOCK_GETTIME, unix.SYS_CLONE, unix.SYS_CLONE3,
	unix.SYS_CLOSE, unix.SYS_CLOSE_RANGE, unix.SYS_DUP3, unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT,
	unix.SYS_EPOLL_PWAIT2, unix.SYS_EVENTFD2, unix.SYS_EXECVEAT, unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_FACCESSAT,
	unix.SYS_FACCESSAT2, unix.SYS_FANOTIFY_MARK, unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT, unix.SYS_FCNTL,
	unix.SYS_FREMOVEXATTR, unix.SYS_FSCONFIG, unix.SYS_FSETXATTR, unix.SYS_FSMOUNT, unix.SYS_FSOPEN, unix.SYS_FSTAT, unix.SYS_FSTATFS, unix.SYS_FSYNC, unix.SYS_FTRUNCATE,
	unix.SYS_FUTEX, unix.SYS_FUTEX_REQUEUE, unix.SYS_FUTEX_WAITV, unix.SYS_GETDENTS64, unix.SYS_GETEGID, unix.SYS_GETEUID,
	unix.SYS_GETGID, unix.SYS_GETGROUPS, unix.SYS_GETPID, unix.SYS_GETPPID, unix.SYS_GETRANDOM, unix.SYS_GETRLIMIT,
	unix.SYS_GETSOCKOPT, unix.SYS_GETTID, unix.SYS_GETTIMEOFDAY, unix.SYS_GETUID, unix.SYS_GET_ROBUST_LIST, unix.SYS_INOTIFY_INIT1,
	unix.SYS_KEYCTL, unix.SYS_KILL, unix.SYS_LINKAT, unix.SYS_MADVISE, unix.SYS_MEMFD_CREATE, unix.SYS_MINCORE,
	unix.SYS_MKDIRAT, unix.SYS_MKNODAT, unix.SYS_MLOCK, unix.SYS_MLOCK2, unix.SYS_MLOCKALL, unix.SYS_MMAP, unix.SYS_MOUNT, unix.SYS_MOVE_MOUNT,
	unix.SYS_MPROTECT, unix.SYS_MQ_NOTIFY, unix.SYS_MREMAP, unix.SYS_MSGCTL, unix.SYS_MSYNC, unix.SYS_MUNLOCK,
	unix.SYS_MUNLOCKALL, unix.SYS_MUNMAP, unix.SYS_NANOSLEEP, unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_OPEN_BY_HANDLE_AT,
	unix.SYS_OPEN_TREE, unix.SYS_PERSONALITY, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_PIPE2, unix.SYS_PPOLL, unix.SYS_PRCTL,
	unix.SYS_PREAD64, unix.SYS_PREADV, unix.SYS_PREADV2, unix.SYS_PRLIMIT64, unix.SYS_PSELECT6, unix.SYS_PWRITE64,
	unix.SYS_PWRITEV, unix.SYS_PWRITEV2, unix.SYS_READ, unix.SYS_READLINKAT, unix.SYS_READV, unix.SYS_RECVMMSG,
	unix.SYS_RECVMSG, unix.SYS_REMOVEXATTR, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPENDING,
	unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGSUSPEND, unix.SYS_RT_SIGTIMEDWAIT,
	unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_SCHED_GETAFFINITY, unix.SYS_SCHED_YIELD, unix.SYS_SEMCTL, unix.SYS_SENDMMSG,
	unix.SYS_SENDMSG, unix.SYS_SENDTO, unix.SYS_SETFSGID, unix.SYS_SETFSUID, unix.SYS_SETGID, unix.SYS_SETGROUPS,
	unix.SYS_SETITIMER, unix.SYS_SETNS, unix.SYS_SETREGID, unix.SYS_SETRESGID, unix.SYS_SETRESUID, unix.SYS_SETREUID, unix.SYS_SETRLIMIT,
	unix.SYS_SETSOCKOPT, unix.SYS_SETUID, unix.SYS_SETXATTR, unix.SYS_SET_ROBUST_LIST, unix.SYS_SET_TID_ADDRESS, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_SHMDT,
	unix.SYS_SIGALTSTACK, unix.SYS_SIGNALFD4, unix.SYS_STATX, unix.SYS_SYMLINKAT, unix.SYS_TGKILL, unix.SYS_TIMER_CREATE,
	unix.SYS_TIMER_DELETE, unix.SYS_TIMER_SETTIME, unix.SYS_UMASK, unix.SYS_UNAME, unix.SYS_UNLINKAT, unix.SYS_UNSHARE,
	unix.SYS_UTIMENSAT, unix.SYS_VMSPLICE, unix.SYS_WAIT4, unix.SYS_WAITID, unix.SYS_WRITE, unix.SYS_WRITEV,
	unix.SYS_RESTART_SYSCALL, // the kernel's own, after a stop
}...)

// argIoctl is the argument of ioctl(2) that says what is asked for.
const argIoctl = 1

// Default is the profile that allows what a guest can make its helper call, what the helper
// itself needs, and nothing else. A call that is not in it is one that this Linux may not
// have: ENOSYS, upon which programs fall back.
func Default() *Profile {
	calls := allowedCalls()
	p := &Profile{Default: Errno(unix.ENOSYS)}
	for _, call := range calls {
		switch call {
		case unix.SYS_IOCTL:
			p.allowIoctls(wali.IoctlRequests())
		default:
			p.Rules = append(p.Rules, Rule{Call: call, Action: Allow})
		}
	}
	return p
}

// allowedCalls are the numbers of the calls that Default allows, in order.
func allowedCalls() []uint32 {
	calls := slices.Clone(helperCalls)
	for _, row := range wali.Table() {
		if n := number(row.NR); n >= 0 && row.Refused == "" && row.Do == nil {
			calls = append(calls, uint32(n))
		}
	}
	calls = append(calls, unix.SYS_IOCTL)
	slices.Sort(calls)
	return slices.Compact(calls)
}

// allowIoctls allows requests of ioctl(2), and all of the input devices', which hold the
// caller's sizes. Others are not there.
func (p *Profile) allowIoctls(requests []uint32) {
	allow := func(c Condition) {
		p.Rules = append(p.Rules, Rule{Call: unix.SYS_IOCTL, Action: Allow, If: []Condition{c}})
	}
	// Those of terminals first: they are the frequent ones.
	slices.SortStableFunc(requests, func(a, b uint32) int {
		terminal := func(request uint32) int {
			if request>>8 == 'T' {
				return 0
			}
			return 1
		}
		return terminal(a) - terminal(b)
	})
	for batch := range slices.Chunk(requests, mostValues) {
		allow(Condition{Arg: argIoctl, Op: In32, Values: batch})
	}
	allow(Condition{Arg: argIoctl, Op: Masked32, Mask: 0xff00, Value: 'E' << 8})
}
