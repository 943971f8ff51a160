package wali

// Four flags of open(2) have other values on arm64 than on x86-64, whose are the
// ABI's. Source: arch/arm64/include/uapi/asm/fcntl.h against
// include/uapi/asm-generic/fcntl.h.
var openFlagPairs = [...]struct{ guest, host uint64 }{
	{guest: 0o40000, host: 0o200000},  // O_DIRECT
	{guest: 0o100000, host: 0o400000}, // O_LARGEFILE
	{guest: 0o200000, host: 0o40000},  // O_DIRECTORY, also part of O_TMPFILE
	{guest: 0o400000, host: 0o100000}, // O_NOFOLLOW
}

const openFlagsMask = 0o740000

func openFlagsToHost(flags uint64) uint64 {
	out := flags &^ openFlagsMask
	for _, p := range openFlagPairs {
		if flags&p.guest != 0 {
			out |= p.host
		}
	}
	return out
}

func openFlagsFromHost(flags uint64) uint64 {
	out := flags &^ openFlagsMask
	for _, p := range openFlagPairs {
		if flags&p.host != 0 {
			out |= p.guest
		}
	}
	return out
}

// openFlagsDiffer says that the kernel must not see the guest's open_how.
const openFlagsDiffer = true

func sysfsNumber() (nr uintptr, ok bool) { return 0, false }

// largeFile is O_LARGEFILE, which 64-bit kernels set for open(2) by themselves.
const largeFile = 0x20000
