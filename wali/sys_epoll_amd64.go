package wali

// The kernel's struct epoll_event is the guest's on this architecture.

func (t *Thread) epollEvent(p uint32) uintptr { return t.Memory.Host(p) }

func (t *Thread) epollBuffer(a Args) (events, n uintptr, b []byte) {
	return t.Memory.Host(a.Ptr(1)), uintptr(a[2]), nil
}

func (t *Thread) epollResult(_ uint32, _ []byte, r int64) int64 { return r }
