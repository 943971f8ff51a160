package wali

func sysBrk(t *Thread, a Args) int64 {
	return int64(t.Memory.Brk(uint64(a.Ptr(0))))
}

func sysMmap(t *Thread, a Args) int64 {
	addr, e := t.Memory.Mmap(uint64(a.Ptr(0)), uint64(a.Uint(1)), a.Int(2), a.Int(3), a.Int(4), a.Long(5))
	if e != 0 {
		return errno(e)
	}
	return int64(addr)
}

func sysMunmap(t *Thread, a Args) int64 {
	return errno(t.Memory.Munmap(uint64(a.Ptr(0)), uint64(a.Uint(1))))
}

func sysMremap(t *Thread, a Args) int64 {
	addr, e := t.Memory.Mremap(uint64(a.Ptr(0)), uint64(a.Uint(1)), uint64(a.Uint(2)), a.Int(3), uint64(a.Ptr(4)))
	if e != 0 {
		return errno(e)
	}
	return int64(addr)
}

func sysMprotect(t *Thread, a Args) int64 {
	return errno(t.Memory.Mprotect(uint64(a.Ptr(0)), uint64(a.Uint(1)), a.Int(2)))
}

func sysMadvise(t *Thread, a Args) int64 {
	return errno(t.Memory.Madvise(uint64(a.Ptr(0)), uint64(a.Uint(1)), a.Int(2)))
}

func sysMsync(t *Thread, a Args) int64 {
	return errno(t.Memory.Msync(uint64(a.Ptr(0)), uint64(a.Uint(1)), a.Int(2)))
}

func sysMincore(t *Thread, a Args) int64 {
	return errno(t.Memory.Mincore(uint64(a.Ptr(0)), uint64(a.Uint(1)), a.Ptr(2)))
}

func sysMlock(t *Thread, a Args) int64 {
	return errno(t.Memory.Mlock(uint64(a.Ptr(0)), uint64(a.Uint(1))))
}

func sysMlock2(t *Thread, a Args) int64 {
	return errno(t.Memory.Mlock2(uint64(a.Ptr(0)), uint64(a.Uint(1)), a.Int(2)))
}

func sysMunlock(t *Thread, a Args) int64 {
	return errno(t.Memory.Munlock(uint64(a.Ptr(0)), uint64(a.Uint(1))))
}

func sysMlockall(t *Thread, a Args) int64 { return errno(t.Memory.Mlockall(a.Int(0))) }

func sysMunlockall(t *Thread, _ Args) int64 { return errno(t.Memory.Munlockall()) }

func sysShmat(t *Thread, a Args) int64 {
	addr, e := t.Memory.Shmat(a.Int(0), uint64(a.Ptr(1)), a.Int(2))
	if e != 0 {
		return errno(e)
	}
	return int64(addr)
}

func sysShmdt(t *Thread, a Args) int64 { return errno(t.Memory.Shmdt(uint64(a.Ptr(0)))) }
