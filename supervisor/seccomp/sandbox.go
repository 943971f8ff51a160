package seccomp

import (
	"slices"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/wali"
)

// A sandbox is Landlock's work where Landlock can judge. What it cannot, the profile of a
// sandbox refuses, so that nothing of the machine is within reach of a module that has
// taken its helper over, either. The lists say what would be.

// outside are calls of Default that reach beyond a sandbox, whatever their arguments.
var outside = []uint32{
	// Names that all processes share, which no rule of Landlock is about.
	unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_SHMDT,
	unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP, unix.SYS_SEMCTL,
	unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL,
	unix.SYS_MQ_OPEN, unix.SYS_MQ_UNLINK,
	// The user's keys.
	unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
	// Files by other names than paths, and what happens to those that are not allowed.
	unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT,
	unix.SYS_INOTIFY_INIT1, unix.SYS_INOTIFY_ADD_WATCH, unix.SYS_FANOTIFY_INIT, unix.SYS_FANOTIFY_MARK,
	// Other views of the file system.
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_MOVE_MOUNT, unix.SYS_MOUNT_SETATTR,
	unix.SYS_OPEN_TREE, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_SETNS,
	unix.SYS_STATMOUNT, unix.SYS_LISTMOUNT,
	// The machine.
	unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME, unix.SYS_CLOCK_SETTIME, unix.SYS_SETTIMEOFDAY, unix.SYS_SETHOSTNAME,
	unix.SYS_SETDOMAINNAME, unix.SYS_SYSLOG,
	// Its arguments lie in memory, where a filter cannot look; clone does the same.
	unix.SYS_CLONE3,
	// Modes, owners, times and attributes by path, of which Landlock judges none.
	unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWNAT,
	unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR,
}

// denied are those of outside that fail with EPERM, since a program could not go on
// differently: for all others it is as if Linux did not have them.
var denied = []uint32{
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_SETNS,
	unix.SYS_CLOCK_SETTIME, unix.SYS_SETTIMEOFDAY, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_SYSLOG,
	unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWNAT,
	unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR,
}

// byDescriptor change modes, owners and attributes of files that are open, and so could be
// opened: for reading, too, which no filter sees. The helper looks at that.
var byDescriptor = []uint32{unix.SYS_FCHMOD, unix.SYS_FCHOWN, unix.SYS_FSETXATTR, unix.SYS_FREMOVEXATTR}

const (
	namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC |
		unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME

	// clone's flags share their lowest byte with the exit signal, where CLONE_NEWTIME is.
	cloneNamespaces = namespaces &^ unix.CLONE_NEWTIME

	socketType = 0xf // the rest of socket's second argument are flags

	tcpULP = 31 // TCP_ULP makes another protocol of a TCP socket
)

// attributeRequest reports whether a request of ioctl(2) changes attributes of a file that is
// open for reading.
func attributeRequest(request uint32) bool {
	switch request {
	case unix.FS_IOC_SETFLAGS, fsSetVersion, fsSetXattr, fatSetAttributes:
		return true
	}
	return false
}

// Those that golang.org/x/sys/unix does not have; linux/fs.h, linux/msdos_fs.h.
const (
	fsSetVersion     = 0x40087602
	fsSetXattr       = 0x401c5820
	fatSetAttributes = 0x40047211
)

// terminalRequest reports whether by a request of ioctl(2) a descriptor of the caller's terminal,
// which is inherited, reaches more than the terminal's own settings: typing for the user,
// the console's keyboard, screen and clipboard, the line discipline.
func terminalRequest(request uint32) bool {
	switch request {
	case unix.TIOCSTI, unix.TIOCCONS, unix.TIOCSETD, unix.TIOCVHANGUP, unix.TIOCSLCKTRMIOS, unix.TIOCLINUX:
		return true
	}
	kind := request >> 8
	return kind == 'K' || kind == 'V'
}

// networkRequest reports whether a request of ioctl(2) sets up the network.
func networkRequest(request uint32) bool { return request>>8 == 0x89 && request&0xff >= 0x0b }

// Sandbox is the profile of a sandbox. chained says that a filter follows that somebody
// else has made.
func Sandbox(s *ipc.Sandbox, chained bool) *Profile {
	p := &Profile{Default: Errno(unix.ENOSYS)}
	for _, call := range allowedCalls() {
		if slices.Contains(outside, call) {
			continue
		}
		if slices.Contains(byDescriptor, call) && len(s.Write) == 0 {
			p.rule(call, Errno(unix.EPERM))
			continue
		}
		if !p.narrow(call, s) {
			p.rule(call, Allow)
		}
	}
	for _, call := range denied {
		p.rule(call, Errno(unix.EPERM))
	}
	if chained {
		p.rule(unix.SYS_SECCOMP, Allow)
	}
	return p
}

func (p *Profile) rule(call uint32, action Action, conditions ...Condition) {
	p.Rules = append(p.Rules, Rule{Call: call, Action: action, If: conditions})
}

// unless allows a call but where one of the conditions holds, where it fails with EPERM.
func (p *Profile) unless(call uint32, conditions ...Condition) {
	for _, c := range conditions {
		p.rule(call, Errno(unix.EPERM), c)
	}
	p.rule(call, Allow)
}

// only allows a call where one of the lists of conditions holds; else it fails with e.
func (p *Profile) only(call uint32, e unix.Errno, lists ...[]Condition) {
	for _, list := range lists {
		p.rule(call, Allow, list...)
	}
	p.rule(call, Errno(e))
}

func is(arg int, value uint32) Condition {
	return Condition{Arg: arg, Op: Masked32, Mask: 1<<32 - 1, Value: uint64(value)}
}

// narrow adds the rules of calls that a sandbox allows with some arguments only, and reports
// whether this is one.
func (p *Profile) narrow(call uint32, s *ipc.Sandbox) bool {
	switch call {
	case unix.SYS_IOCTL:
		requests := slices.DeleteFunc(wali.IoctlRequests(), func(request uint32) bool {
			return terminalRequest(request) || attributeRequest(request) || networkRequest(request) && !s.Net
		})
		p.allowIoctls(requests)
	case unix.SYS_CLONE:
		p.only(call, unix.EPERM, []Condition{{Op: Masked, Mask: cloneNamespaces}})
	case unix.SYS_UNSHARE:
		p.only(call, unix.EPERM, []Condition{{Op: Masked, Mask: namespaces}})
	case unix.SYS_PRLIMIT64, unix.SYS_SCHED_SETAFFINITY, unix.SYS_SCHED_SETSCHEDULER, unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETATTR:
		p.only(call, unix.EPERM, []Condition{is(0, 0)}) // the caller itself
	case unix.SYS_SETPRIORITY:
		p.only(call, unix.EPERM, []Condition{is(0, unix.PRIO_PROCESS), is(1, 0)})
	case unix.SYS_IOPRIO_SET:
		p.only(call, unix.EPERM, []Condition{is(0, 1), is(1, 0)}) // IOPRIO_WHO_PROCESS
	case unix.SYS_UTIMENSAT:
		if len(s.Write) == 0 {
			p.only(call, unix.EPERM)
			break
		}
		p.only(call, unix.EPERM, []Condition{{Arg: 1, Op: Equal}}) // no path: an open file
	default:
		return p.narrowSocket(call, s)
	}
	return true
}

// narrowSocket is narrow for the calls of sockets.
func (p *Profile) narrowSocket(call uint32, s *ipc.Sandbox) bool {
	tcp := len(s.Connect)+len(s.Listen) > 0
	switch call {
	case unix.SYS_SOCKET:
		var lists [][]Condition
		for _, family := range []uint32{unix.AF_INET, unix.AF_INET6} {
			switch {
			case s.Net:
				lists = append(lists, []Condition{is(0, family)})
			case tcp:
				// Other protocols than TCP are not Landlock's business.
				for _, protocol := range []uint32{0, unix.IPPROTO_TCP} {
					lists = append(lists, []Condition{is(0, family),
						{Arg: 1, Op: Masked32, Mask: socketType, Value: unix.SOCK_STREAM}, is(2, protocol)})
				}
			}
		}
		if s.Net {
			lists = append(lists, []Condition{is(0, unix.AF_NETLINK), is(2, unix.NETLINK_ROUTE)})
		}
		p.only(call, unix.EACCES, lists...)
	case unix.SYS_SOCKETPAIR:
		// A datagram socket of a pair can be addressed to any other.
		p.only(call, unix.EACCES,
			[]Condition{is(0, unix.AF_UNIX), {Arg: 1, Op: Masked32, Mask: socketType, Value: unix.SOCK_STREAM}},
			[]Condition{is(0, unix.AF_UNIX), {Arg: 1, Op: Masked32, Mask: socketType, Value: unix.SOCK_SEQPACKET}})
	case unix.SYS_CONNECT:
		if s.Net || len(s.Connect) > 0 {
			return false
		}
		p.rule(call, Errno(unix.EACCES))
	case unix.SYS_BIND:
		if s.Net || tcp { // Landlock judges the port
			return false
		}
		p.rule(call, Errno(unix.EACCES))
	case unix.SYS_LISTEN:
		// What has no name and listens gets a port from the kernel, which asks nobody.
		if s.Net || len(s.Listen) > 0 {
			return false
		}
		p.rule(call, Errno(unix.EACCES))
	case unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG:
		if s.Net {
			return false
		}
		// With MSG_FASTOPEN it connects, and Landlock is not asked.
		flags := map[uint32]int{unix.SYS_SENDTO: 3, unix.SYS_SENDMSG: 2, unix.SYS_SENDMMSG: 3}[call]
		p.unless(call, Condition{Arg: flags, Op: Masked32, Mask: unix.MSG_FASTOPEN, Value: unix.MSG_FASTOPEN})
	case unix.SYS_SETSOCKOPT:
		if s.Net {
			return false
		}
		p.rule(call, Errno(unix.EPERM), is(1, unix.IPPROTO_TCP), is(2, tcpULP))
		p.rule(call, Allow)
	default:
		return false
	}
	return true
}
