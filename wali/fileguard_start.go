package wali

import (
	"encoding/binary"
	"strconv"

	"golang.org/x/sys/unix"
)

// DropRawIO gives up CAP_SYS_RAWIO in all threads. With it a process can open the
// devices that show all of the machine's memory, and /proc/kcore, by any name. It is
// not taken from the bounding set: native programs that a guest may start get it
// again.
func (t *Thread) DropRawIO() unix.Errno {
	const version3 = 0x20080522
	header, data := t.alloc(8), t.alloc(24)
	binary.LittleEndian.PutUint32(header, version3)
	if r := t.call(unix.SYS_CAPGET, address(header), address(data), 0, 0, 0, 0); r < 0 {
		return unix.Errno(-r)
	}
	has := false
	const capSysRawIO = 17               // below 32: in the first word of each set
	for _, set := range []int{0, 4, 8} { // effective, permitted, inheritable
		v := binary.LittleEndian.Uint32(data[set:])
		has = has || v>>capSysRawIO&1 != 0
		binary.LittleEndian.PutUint32(data[set:], v&^(1<<capSysRawIO))
	}
	if !has {
		return 0
	}
	return unix.Errno(-min(t.everyThread(unix.SYS_CAPSET, address(header), address(data), 0), 0))
}

// JudgeInherited closes the descriptors that the process was started with and a guest
// must not have. The standard ones become /dev/null, or stay closed where there is
// none.
func (t *Thread) JudgeInherited() {
	t.eachOpen(func(fd int32) {
		if t.ownsFD(fd) {
			return
		}
		switch t.judge(fd) {
		case harmless:
			return
		case helperExe:
			// Only a helper has opened it: nobody else hands it on.
		}
		null := int64(-1)
		if fd <= 2 {
			null = t.call(unix.SYS_OPENAT, atFDCWD, t.cstring("/dev/null"), unix.O_RDWR, 0, 0, 0)
		}
		if null < 0 {
			t.closeFD(fd)
			return
		}
		t.call(unix.SYS_DUP3, uintptr(null), uintptr(fd), 0, 0, 0, 0)
		t.closeFD(int32(null))
	})
}

// eachOpen calls f for the open descriptors below the private range, by way of /proc,
// or where there is none by trying.
func (t *Thread) eachOpen(f func(fd int32)) {
	mark := t.scratchUsed
	defer func() { t.scratchUsed = mark }()
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	r := int64(-1)
	if root := t.openProcRoot(); root >= 0 {
		how := openHow{flags: flags, resolve: unix.RESOLVE_NO_XDEV}
		r = t.call(unix.SYS_OPENAT2, uintptr(root), address(ownFDsPath), how.address(t), openHowMin, 0, 0)
		t.closeFD(root)
	}
	if r < 0 {
		for fd := range int32(t.ReservedFD) {
			if t.call(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD, 0, 0, 0, 0) >= 0 {
				f(fd)
			}
		}
		return
	}
	dir := int32(r)
	defer t.closeFD(dir)
	list := t.alloc(4096)
	for {
		r := t.call(unix.SYS_GETDENTS64, uintptr(dir), address(list), uintptr(len(list)), 0, 0, 0)
		if r <= 0 {
			return
		}
		for rest := list[:r]; len(rest) > direntName; {
			n := int(binary.LittleEndian.Uint16(rest[direntLen:]))
			if n <= direntName || n > len(rest) {
				break
			}
			fd, err := strconv.Atoi(unix.ByteSliceToString(rest[direntName:n]))
			if err == nil && int32(fd) != dir {
				mark := t.scratchUsed
				f(int32(fd))
				t.scratchUsed = mark
			}
			rest = rest[n:]
		}
	}
}
