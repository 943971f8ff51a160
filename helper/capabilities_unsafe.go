package helper

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// rootedCapabilities are what is left of root's in another root: what programs need
// that serve, change their user or install files, and nothing that leads out of a root:
// by chroot, by mounting, by devices, file handles or other processes, or through the
// kernel. They are those that containers have by default, without CAP_MKNOD, since no
// control group guards devices here, and CAP_SYS_CHROOT.
var rootedCapabilities = [...]uint{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL,
	unix.CAP_SETGID, unix.CAP_SETUID, unix.CAP_SETPCAP, unix.CAP_SETFCAP,
	unix.CAP_NET_BIND_SERVICE, unix.CAP_NET_RAW, unix.CAP_AUDIT_WRITE,
}

// dropCapabilities gives up all others, for all threads and all that they execute.
func dropCapabilities(t *thread) error {
	var keep uint64
	for _, capability := range rootedCapabilities {
		keep |= 1 << capability
	}
	for capability := range uint(64) {
		if keep&(1<<capability) != 0 {
			continue
		}
		r := t.EveryThread(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(capability), 0)
		if r == -int64(unix.EINVAL) {
			break // the kernel knows no further ones
		}
		if r == -int64(unix.EPERM) && unix.Geteuid() != 0 {
			break // what an ordinary user executes has none
		}
		if r < 0 {
			return lacks("give up capabilities", unix.Errno(-r), "CAP_SETPCAP")
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err != nil {
		return lacks("give up capabilities", err, "CAP_SETPCAP")
	}
	for i := range have {
		mask := uint32(keep >> (32 * i))
		have[i].Effective &= mask
		have[i].Permitted &= mask
		have[i].Inheritable &= mask
	}
	if r := t.EveryThread(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&have[0])), 0); r < 0 {
		return lacks("give up capabilities", unix.Errno(-r), "CAP_SETPCAP")
	}
	return nil
}
