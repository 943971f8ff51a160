package wali

// The kernel's struct epoll_event is the guest's on this architecture.

func (t *Thread) epollEvent(p uint32) uintptr { return t.Memory.Host(p) }

func (t *Thread) epollBuffer(a Args) uintptr { return t.Memory.Host(a.Ptr(1)) }

func (t *Thread) epollResult(_ Args, _ uintptr, r int64) int64 { return r }
