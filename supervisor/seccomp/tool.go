package seccomp

import "golang.org/x/sys/unix"

// Numbers that golang.org/x/sys/unix may not have; asm-generic/unistd.h.
const (
	sysSetxattrat    = 463
	sysRemovexattrat = 466
	sysFileSetattr   = 469
)

// noTool are the calls that Tool refuses, besides those of outside and byDescriptor.
var noTool = []uint32{
	// What belongs to files and Landlock does not judge.
	unix.SYS_CHMOD, unix.SYS_CHOWN, unix.SYS_LCHOWN, unix.SYS_UTIME, unix.SYS_UTIMES, unix.SYS_FUTIMESAT, unix.SYS_UTIMENSAT,
	unix.SYS_MKNOD, unix.SYS_MKNODAT, sysSetxattrat, sysRemovexattrat, sysFileSetattr,
	// Sockets with names, and networks for those who may make no namespace.
	unix.SYS_SOCKET,
	// Other processes.
	unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_SEND_SIGNAL,
	unix.SYS_PIDFD_GETFD, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_KCMP,
	unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES, unix.SYS_SETPRIORITY, unix.SYS_IOPRIO_SET,
	// Much of the kernel that no compiler needs.
	unix.SYS_UNSHARE, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER,
	unix.SYS_IO_URING_REGISTER, unix.SYS_IO_SETUP, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_INIT_MODULE,
	unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL,
	unix.SYS_QUOTACTL_FD, unix.SYS_MODIFY_LDT, unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_VHANGUP, unix.SYS_PERSONALITY,
}

// Tool is the profile of a program that computes files from files, such as a compiler, and
// works on input that nobody vouches for. Landlock judges which files. It refuses what would
// reach beyond them; what it does not name is allowed, as such programs change with their
// releases.
func Tool() *Profile {
	p := &Profile{Default: Allow}
	for _, list := range [][]uint32{outside, byDescriptor, noTool} {
		for _, call := range list {
			e := unix.EPERM
			if call == unix.SYS_CLONE3 {
				e = unix.ENOSYS // the C library then calls clone
			}
			p.rule(call, Errno(e))
		}
	}
	p.only(unix.SYS_CLONE, unix.EPERM, []Condition{{Op: Masked, Mask: cloneNamespaces}})
	p.only(unix.SYS_TGKILL, unix.EPERM, []Condition{{Arg: 2, Op: Equal, Value: uint64(unix.SIGABRT)}}) // abort(3)
	p.only(unix.SYS_PRLIMIT64, unix.EPERM, []Condition{is(0, 0)})
	for _, request := range []uint32{unix.FS_IOC_SETFLAGS, fsSetVersion, fsSetXattr, fatSetAttributes} {
		p.rule(unix.SYS_IOCTL, Errno(unix.EPERM), is(1, request))
	}
	return p
}
