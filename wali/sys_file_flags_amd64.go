package wali

import "golang.org/x/sys/unix"

// The flags of open(2) in the ABI are x86-64's.

func openFlagsToHost(flags uint64) uint64   { return flags }
func openFlagsFromHost(flags uint64) uint64 { return flags }

// openFlagsDiffer says that the kernel must not see the guest's open_how.
const openFlagsDiffer = false

func sysfsNumber() (nr uintptr, ok bool) { return unix.SYS_SYSFS, true }

// largeFile is O_LARGEFILE, which 64-bit kernels set for open(2) by themselves.
const largeFile = 0x8000
