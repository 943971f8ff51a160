package tracelog

import (
	"fmt"
	"slices"
	"strings"

	"walisup/ipc"
	"walisup/wali"
)

// classes are the groups of calls that a filter can name, besides file and desc,
// which follow from the prototypes: those with a path or a descriptor.
var classes = []struct{ name, calls string }{
	{"process", `clone clone3 execve execveat exit exit_group fork kill pidfd_open pidfd_send_signal rt_sigqueueinfo
		rt_tgsigqueueinfo tgkill tkill unshare vfork wait4 waitid`},
	{"network", `accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendfile
		sendmmsg sendmsg sendto setsockopt shutdown socket socketpair`},
	{"signal", `kill pause pidfd_send_signal rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigsuspend
		rt_sigtimedwait rt_tgsigqueueinfo sigaltstack signalfd signalfd4 tgkill tkill`},
	{"memory", `brk madvise mincore mlock mlock2 mlockall mmap mprotect mremap msync munlock munlockall munmap shmat shmdt`},
	{"ipc", `msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget`},
	{"creds", `capget capset getegid geteuid getgid getgroups getresgid getresuid getuid prctl setfsgid setfsuid setgid
		setgroups setregid setresgid setresuid setreuid setuid`},
	{"clock", `adjtimex clock_adjtime clock_getres clock_gettime clock_settime gettimeofday settimeofday time`},
}

// Classes lists the names of all classes.
func Classes() []string {
	names := []string{"file", "desc"}
	for _, class := range classes {
		names = append(names, class.name)
	}
	return names
}

// descriptorCalls work on descriptors that their prototypes do not show.
var descriptorCalls = []string{"mmap", "select", "pselect6", "poll", "ppoll", "pipe", "pipe2", "epoll_create", "epoll_create1",
	"eventfd", "eventfd2", "signalfd", "signalfd4", "timerfd_create", "inotify_init", "inotify_init1", "memfd_create"}

// ParseFilter adds the calls that a filter asks for to set, as strace's -e trace=
// does: names and classes (%file, or file) with commas between, "all" or "none";
// a ! in front turns the whole around.
func ParseFilter(filter string, config *ipc.TraceConfig) error {
	words, negated := strings.CutPrefix(strings.TrimPrefix(filter, "trace="), "!")
	var chosen ipc.TraceConfig
	for word := range strings.SplitSeq(words, ",") {
		if err := choose(strings.TrimSpace(word), &chosen); err != nil {
			return fmt.Errorf("filter %q: %w", filter, err)
		}
	}
	for i, b := range chosen.Calls {
		if negated {
			b = ^b
		}
		config.Calls[i] |= b
	}
	return nil
}

// All returns a configuration that shows every call.
func All() ipc.TraceConfig {
	config := ipc.TraceConfig{Signals: true, Strings: DefaultStrings}
	for i := range config.Calls {
		config.Calls[i] = 0xff
	}
	return config
}

// DefaultStrings is how many bytes of a string are shown unless asked for more, as
// in strace.
const DefaultStrings = 32

func choose(word string, config *ipc.TraceConfig) error {
	switch word {
	case "":
		return fmt.Errorf("a call has no name")
	case "none":
		return nil
	case "all":
		*config = All()
		return nil
	}
	class := strings.TrimPrefix(word, "%")
	found := false
	for i, row := range wali.Table() {
		if row.Name == word || inClass(&row, class) {
			config.Set(i)
			found = true
		}
	}
	if !found {
		return fmt.Errorf("%q is neither a system call nor one of the classes %%%s", word, strings.Join(Classes(), ", %"))
	}
	return nil
}

func inClass(row *wali.Row, class string) bool {
	switch class {
	case "file":
		return hasPath(row)
	case "desc":
		return hasDescriptor(row)
	}
	for _, c := range classes {
		if c.name == class {
			return slices.Contains(strings.Fields(c.calls), row.Name)
		}
	}
	return false
}

// hasPath reports whether a call takes the name of a file.
func hasPath(row *wali.Row) bool {
	switch row.Name {
	case "getcwd", "fchdir":
		return true
	case "sethostname", "setdomainname", "memfd_create", "create_module", "delete_module", "init_module", "mq_open", "mq_unlink", "fsopen":
		return false
	}
	for param := range strings.SplitSeq(row.Args, ",") {
		name, ok := strings.CutPrefix(strings.TrimSpace(param), "char* ")
		if ok && (strings.Contains(name, "path") || name == "filename" || name == "target" || name == "source" ||
			name == "new_root" || name == "put_old" || name == "library") {
			return true
		}
	}
	return false
}

// hasDescriptor reports whether a call takes or makes a descriptor.
func hasDescriptor(row *wali.Row) bool {
	if slices.Contains(descriptorCalls, row.Name) {
		return true
	}
	for param := range strings.SplitSeq(row.Args, ",") {
		name, ok := strings.CutPrefix(strings.TrimSpace(param), "int ")
		if ok && (strings.HasSuffix(name, "fd") || strings.HasPrefix(name, "fd_")) {
			return true
		}
	}
	return false
}
