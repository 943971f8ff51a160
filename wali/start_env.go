package wali

import (
	"strings"

	"golang.org/x/sys/unix"
)

// initEnvPath is the path that __get_init_envfile names. No such file exists:
// openat makes it up. It is below /proc/self because that directory can have no
// other file of the name.
const initEnvPath = "/proc/self/walisup-environ"

// initEnvFile says where the environment is to be read from: 1 and a path, or 0
// if it is empty or the path does not fit in size bytes.
//
// The file has one NAME=VALUE per line. A newline inside a value cannot be
// expressed; it is written as a blank, since the rest of such a value would
// otherwise be taken for variables of their own. Our own C library asks for the
// environment by prctl and gets it whole.
func initEnvFile(t *Thread, a Args) int64 {
	p, size := a.Ptr(0), a.Uint(1)
	if len(t.Environ) == 0 || size < uint32(len(initEnvPath)+1) {
		return 0
	}
	if t.Memory.WriteString(p, initEnvPath+"\x00") != 0 {
		return 0
	}
	return 1
}

// isInitEnvPath reports whether the string at p is the path that
// __get_init_envfile names.
func (t *Thread) isInitEnvPath(p uint32) bool {
	var b [len(initEnvPath) + 1]byte
	return t.Memory.Read(p, b[:]) == 0 && string(b[:len(initEnvPath)]) == initEnvPath && b[len(initEnvPath)] == 0
}

// orInitEnv is for calls on a path that the kernel has found nothing at: where it is
// the environment's, do has the result.
func (t *Thread) orInitEnv(r int64, path uint32, do func() int64) int64 {
	if r == -int64(unix.ENOENT) && t.isInitEnvPath(path) {
		return do()
	}
	return r
}

// accessInitEnv is access(2) of the environment's file: it can be read.
func accessInitEnv(mode int32) int64 {
	if mode&^unix.R_OK != 0 {
		return errno(unix.EACCES)
	}
	return 0
}

// openInitEnv makes the file that the guest reads its environment from.
func (t *Thread) openInitEnv(hostFlags uintptr) int64 {
	if hostFlags&unix.O_ACCMODE != unix.O_RDONLY {
		return errno(unix.EACCES)
	}
	fd := t.makeFile("environ", hostFlags&unix.O_CLOEXEC != 0)
	if fd < 0 {
		return fd
	}
	var offset uintptr
	for _, v := range t.Environ {
		mark := t.scratchUsed
		line := append(t.alloc(len(v) + 1)[:0], strings.ReplaceAll(v, "\n", " ")...)
		line = append(line, '\n')
		r := t.call(unix.SYS_PWRITE64, uintptr(fd), address(line), uintptr(len(line)), offset, 0, 0)
		t.scratchUsed = mark
		if r < 0 {
			t.closeFD(int32(fd))
			return r
		}
		offset += uintptr(len(line))
	}
	return fd
}

// makeFile makes an empty file in memory, which can be sealed.
func (t *Thread) makeFile(name string, cloexec bool) int64 {
	flags := uintptr(0)
	if cloexec {
		flags = unix.MFD_CLOEXEC
	}
	fd := t.call(unix.SYS_MEMFD_CREATE, t.cstring(name), flags|unix.MFD_NOEXEC_SEAL, 0, 0, 0, 0)
	if fd == -int64(unix.EINVAL) { // before Linux 6.3
		fd = t.call(unix.SYS_MEMFD_CREATE, t.cstring(name), flags|unix.MFD_ALLOW_SEALING, 0, 0, 0, 0)
	}
	return fd
}

// Private options of prctl by which our own C library asks for what a native
// program finds on its initial stack. The values lie where Linux has none.
const (
	prctlEnviron = 0x57410001 // (buf, size): NAME=VALUE strings, each with its NUL
	prctlAuxv    = 0x57410002 // (buf, size): pairs of u64 key and value
	// (address): a u32 that, while it is not 0, keeps the calling thread from
	// sleeping in the kernel: blocking calls give EINTR
	prctlAbortWord = 0x57410003

	prctlRobust = 0x57410004 // (operation, address of a futex word): see sys_thread_robust_unsafe.go
	// (1): the calling thread's next fork is a vfork, but returns at once; (0): the
	// thread waits as vfork does
	prctlVfork = 0x57410005
)

// environBlock returns the size of the environment in bytes, and copies it to
// the guest if it fits.
func (t *Thread) environBlock(buf, size uint32) int64 {
	need := 0
	for _, v := range t.Environ {
		need += len(v) + 1
	}
	if uint32(need) > size {
		return int64(need)
	}
	for _, v := range t.Environ {
		if e := t.Memory.WriteString(buf, v); e != 0 {
			return errno(e)
		}
		buf += uint32(len(v))
		if e := t.Memory.Write(buf, nul); e != 0 {
			return errno(e)
		}
		buf++
	}
	return int64(need)
}

var nul = []byte{0}

// Keys of the auxiliary vector, getauxval(3).
const (
	atNull   = 0
	atPagesz = 6
	atUID    = 11
	atEUID   = 12
	atGID    = 13
	atEGID   = 14
	atHWCap  = 16
	atClktck = 17
	atSecure = 23
)

// auxv returns the auxiliary vector. It has no addresses of native code and no
// processor features: those of the host are not the guest's.
func (t *Thread) auxv() [9][2]uint64 {
	id := func(nr uintptr) uint64 { return uint64(t.call(nr, 0, 0, 0, 0, 0, 0)) }
	uid, euid := id(unix.SYS_GETUID), id(unix.SYS_GETEUID)
	gid, egid := id(unix.SYS_GETGID), id(unix.SYS_GETEGID)
	var secure uint64
	if uid != euid || gid != egid {
		secure = 1
	}
	return [...][2]uint64{
		{atPagesz, 4096},
		{atClktck, 100}, // USER_HZ, the same on all architectures
		{atUID, uid},
		{atEUID, euid},
		{atGID, gid},
		{atEGID, egid},
		{atSecure, secure},
		{atHWCap, 0},
		{atNull, 0},
	}
}

// auxvBlock is environBlock for the auxiliary vector.
func (t *Thread) auxvBlock(buf, size uint32) int64 {
	vector := t.auxv()
	need := uint32(len(vector) * 16)
	if need > size {
		return int64(need)
	}
	for i, pair := range vector {
		for j, v := range pair {
			if e := t.Memory.Store64(buf+uint32(i*16+j*8), v); e != 0 {
				return errno(e)
			}
		}
	}
	return int64(need)
}
