package wali

import (
	"encoding/binary"
	"sync"

	"golang.org/x/sys/unix"
)

// Limit is a resource limit as getrlimit(2) shows it.
type Limit struct{ Soft, Hard uint64 }

// limits are the resource limits that the guest believes to have where the
// kernel's must be others, because they would strike at the helper: its
// reservation of address space, its native stack and its private descriptors.
// They pass from parent to child at fork by being in memory; exec has to carry
// them over.
type limits struct {
	mu     sync.Mutex
	values [len(virtualResources)]Limit
	set    [len(virtualResources)]bool
}

// virtualResources are the limits that the kernel is not told.
var virtualResources = [...]int32{unix.RLIMIT_AS, unix.RLIMIT_DATA, unix.RLIMIT_STACK, unix.RLIMIT_NOFILE}

// RLIMIT_NOFILE is the kernel's but for two things. The hard limit is virtual while it lies
// below the private range: execve must be able to put descriptors there. The soft one is
// cut where the range may move to.
const virtualNoFile = len(virtualResources) - 1

func virtualIndex(resource int32) int {
	for i, r := range virtualResources {
		if r == resource {
			return i
		}
	}
	return -1
}

// VirtualLimits calls yield for each of the guest's limits that are not the
// kernel's: those that exec has to carry over, by PutLimit in the next helper.
func (p *Process) VirtualLimits(yield func(resource int32, limit Limit)) {
	l := &p.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, resource := range virtualResources {
		if l.set[i] {
			yield(resource, l.values[i])
		}
	}
}

// PutLimit makes limit the guest's. Resources whose limits are always the
// kernel's are left alone. It is for setting up.
func (p *Process) PutLimit(resource int32, limit Limit) {
	i := virtualIndex(resource)
	if i < 0 {
		return
	}
	l := &p.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	p.setVirtual(i, limit)
}

// setVirtual sets the limit of a resource that the kernel is not told of.
// Precondition: limits.mu is held.
func (p *Process) setVirtual(i int, limit Limit) {
	l := &p.limits
	l.values[i], l.set[i] = limit, true
	space, data := ^uint64(0), ^uint64(0)
	for i, resource := range virtualResources {
		switch {
		case !l.set[i]:
		case resource == unix.RLIMIT_AS:
			space = l.values[i].Soft
		case resource == unix.RLIMIT_DATA:
			data = l.values[i].Soft
		}
	}
	p.Memory.SetLimits(space, data)
}

// sysGetrlimit is getrlimit(2).
func sysGetrlimit(t *Thread, a Args) int64 {
	if a.Ptr(1) == 0 { // which prlimit64 takes
		return t.call(unix.SYS_GETRLIMIT, uintptr(a[0]), 0, 0, 0, 0, 0)
	}
	return t.prlimit(0, a.Int(0), 0, a.Ptr(1))
}

// sysSetrlimit is setrlimit(2).
func sysSetrlimit(t *Thread, a Args) int64 {
	if a.Ptr(1) == 0 {
		return errno(unix.EFAULT)
	}
	return t.prlimit(0, a.Int(0), a.Ptr(1), 0)
}

// sysPrlimit64 is prlimit64(2).
func sysPrlimit64(t *Thread, a Args) int64 {
	return t.prlimit(a.Int(0), a.Int(1), a.Ptr(2), a.Ptr(3))
}

const rlimitSize = 16

func (t *Thread) prlimit(pid, resource int32, new, old uint32) int64 {
	i := virtualIndex(resource)
	if i < 0 {
		return t.call(unix.SYS_PRLIMIT64, uintptr(pid), uintptr(resource), t.Memory.Host(new), t.Memory.Host(old), 0, 0)
	}
	if pid != 0 && int(pid) != t.pid() {
		return t.prlimitOther(pid, resource, new, old)
	}
	var want Limit
	if new != 0 {
		b := t.alloc(rlimitSize)
		if e := t.Memory.Read(new, b); e != 0 {
			return errno(e)
		}
		want = Limit{Soft: binary.LittleEndian.Uint64(b), Hard: binary.LittleEndian.Uint64(b[8:])}
		if want.Soft > want.Hard {
			return errno(unix.EINVAL)
		}
	}
	l := &t.limits
	l.mu.Lock()
	was, e := t.currentLimit(i)
	if e == 0 && new != 0 {
		e = t.changeLimit(i, was, want)
	}
	l.mu.Unlock()
	if e == 0 && old != 0 {
		b := t.alloc(rlimitSize)
		binary.LittleEndian.PutUint64(b, was.Soft)
		binary.LittleEndian.PutUint64(b[8:], was.Hard)
		e = t.Memory.Write(old, b)
	}
	return errno(e)
}

// prlimitOther is for another process, of which we cannot know whether it is a
// helper: it may be asked, but these limits may not be changed.
func (t *Thread) prlimitOther(pid, resource int32, new, old uint32) int64 {
	if new != 0 {
		return errno(unix.EPERM)
	}
	return t.call(unix.SYS_PRLIMIT64, uintptr(pid), uintptr(resource), 0, t.Memory.Host(old), 0, 0)
}

// SetLimit sets a resource limit as if the guest had done so by prlimit(2).
func (t *Thread) SetLimit(resource int32, want Limit) unix.Errno {
	i := virtualIndex(resource)
	if i < 0 {
		return t.setKernelLimit(resource, want)
	}
	l := &t.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	was, e := t.currentLimit(i)
	if e == 0 {
		e = t.changeLimit(i, was, want)
	}
	return e
}

// currentLimit returns the guest's limit for virtual resource i.
// Precondition: limits.mu is held.
func (t *Thread) currentLimit(i int) (Limit, unix.Errno) {
	l := &t.limits
	if l.set[i] && i != virtualNoFile {
		return l.values[i], 0
	}
	limit, e := t.kernelLimit(virtualResources[i])
	if l.set[i] {
		limit.Hard = min(limit.Hard, l.values[i].Hard)
		if limit.Soft == t.topFD() {
			limit.Soft = max(limit.Soft, l.values[i].Soft) // which was cut
		}
	}
	return limit, e
}

// topFD is what the kernel's soft limit of descriptors may be at most: where the helper's
// may move, the kernel must not give the guest any.
func (t *Thread) topFD() uint64 {
	if t.SpareFD != t.ReservedFD {
		return uint64(t.SpareFD)
	}
	return ^uint64(0)
}

// changeLimit sets the guest's limit for virtual resource i, which is was.
// Precondition: limits.mu is held.
func (t *Thread) changeLimit(i int, was, want Limit) unix.Errno {
	if want.Hard > was.Hard && !t.capable(capSysResource) {
		return unix.EPERM
	}
	if i != virtualNoFile {
		t.setVirtual(i, want)
		return 0
	}
	actual, e := t.kernelLimit(unix.RLIMIT_NOFILE)
	if e != 0 {
		return e
	}
	kernel := want
	kernel.Soft = min(kernel.Soft, t.topFD())
	if floor := uint64(t.ReservedFD) + ReservedFDs; kernel.Hard < floor {
		kernel.Hard = max(min(floor, actual.Hard), kernel.Soft)
	}
	if e := t.setKernelLimit(unix.RLIMIT_NOFILE, kernel); e != 0 {
		return e
	}
	t.limits.values[i], t.limits.set[i] = want, kernel != want
	if kernel.Soft > uint64(t.ReservedFD) {
		t.fillReserved()
	}
	return 0
}

// LimitDescriptors gives a new helper's guest the soft RLIMIT_NOFILE that it had
// before exec, or at the start of an instance (0) the number of its first
// descriptor that is not the guest's. The hard limit stays, since without it no
// descriptor could be put into the private range any more; PutLimit makes the
// guest see a lower one.
func (t *Thread) LimitDescriptors(soft uint64) unix.Errno {
	if soft == 0 {
		soft = uint64(t.ReservedFD)
	}
	limit, e := t.kernelLimit(unix.RLIMIT_NOFILE)
	if e != 0 {
		return e
	}
	want := Limit{Soft: min(soft, limit.Hard), Hard: limit.Hard}
	limit.Soft = min(want.Soft, t.topFD())
	if limit != want {
		t.PutLimit(unix.RLIMIT_NOFILE, want)
	}
	if e := t.setKernelLimit(unix.RLIMIT_NOFILE, limit); e != 0 {
		return e
	}
	if limit.Soft > uint64(t.ReservedFD) {
		t.fillReserved()
	}
	return 0
}

func (t *Thread) setKernelLimit(resource int32, limit Limit) unix.Errno {
	b := t.alloc(rlimitSize)
	binary.LittleEndian.PutUint64(b, limit.Soft)
	binary.LittleEndian.PutUint64(b[8:], limit.Hard)
	return unix.Errno(-t.call(unix.SYS_PRLIMIT64, 0, uintptr(resource), address(b), 0, 0, 0))
}

func (t *Thread) kernelLimit(resource int32) (Limit, unix.Errno) {
	b := t.alloc(rlimitSize)
	if r := t.call(unix.SYS_PRLIMIT64, 0, uintptr(resource), 0, address(b), 0, 0); r < 0 {
		return Limit{}, unix.Errno(-r)
	}
	return Limit{Soft: binary.LittleEndian.Uint64(b), Hard: binary.LittleEndian.Uint64(b[8:])}, 0
}

const capSysResource = 24 // CAP_SYS_RESOURCE, include/uapi/linux/capability.h

// capable reports whether the thread has a capability in effect.
func (t *Thread) capable(capability uint) bool {
	_, data, e := t.capabilities()
	if e != 0 {
		return false
	}
	effective := binary.LittleEndian.Uint32(data[12*(capability/32):])
	return effective>>(capability%32)&1 != 0
}

// capabilities returns the thread's capabilities as capget(2) has them, for capset(2): two
// structs of the effective, permitted and inheritable ones, 32 of each.
func (t *Thread) capabilities() (header, data []byte, e unix.Errno) {
	const version3 = 0x20080522
	header, data = t.alloc(8), t.alloc(24)
	binary.LittleEndian.PutUint32(header, version3)
	r := t.call(unix.SYS_CAPGET, address(header), address(data), 0, 0, 0, 0)
	return header, data, unix.Errno(-min(r, 0))
}
