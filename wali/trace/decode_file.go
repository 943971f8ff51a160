package trace

import "golang.org/x/sys/unix"

// fileDecoder has the decoders of what concerns files.
func fileDecoder(name string) func(f *frame, i int) {
	switch name {
	case "stat":
		return (*frame).stat
	case "statx":
		return (*frame).statx
	case "statfs":
		return (*frame).statfs
	case "dirents":
		return (*frame).dirents
	case "iov":
		return func(f *frame, i int) { f.vector(f.a.Ptr(i), f.a.Uint(i+1), 1<<62) }
	case "iovout":
		return func(f *frame, i int) {
			if f.failed() {
				f.vectorPointers(f.a.Ptr(i), f.a.Uint(i+1))
				return
			}
			f.vector(f.a.Ptr(i), f.a.Uint(i+1), uint64(f.result))
		}
	case "fcntl":
		return (*frame).fcntlArgument
	case "openhow":
		return func(f *frame, i int) {
			var b [24]byte
			if !f.given(f.a.Ptr(i), b[:]) {
				return
			}
			f.str("{flags=")
			f.openFlags(uint32(u64(b[:], 0)))
			if u64(b[:], 8) != 0 {
				f.str(", mode=")
				f.octal(u64(b[:], 8))
			}
			f.str(", resolve=")
			f.hex(u64(b[:], 16))
			f.raw('}')
		}
	case "dev":
		return func(f *frame, i int) { f.device(f.a[i]) }
	case "mmapflags":
		return func(f *frame, i int) {
			v := uint64(f.a.Uint(i))
			switch v & 15 {
			case unix.MAP_SHARED:
				f.str("MAP_SHARED")
			case unix.MAP_PRIVATE:
				f.str("MAP_PRIVATE")
			case unix.MAP_SHARED_VALIDATE:
				f.str("MAP_SHARED_VALIDATE")
			case 0:
				f.str("MAP_FILE")
			default:
				f.hex(v & 15)
			}
			if v&^15 != 0 {
				f.moreFlags(mapFlags, v&^15, "|")
			}
		}
	}
	return nil
}

// openFlags writes the flags of open(2).
func (f *frame) openFlags(v uint32) {
	f.str([]string{"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"}[v&3])
	if v&^3 != 0 {
		f.moreFlags(openFlags, uint64(v&^3), "|")
	}
}

func isDevice(mode uint64) bool {
	format := mode & unix.S_IFMT
	return format == unix.S_IFCHR || format == unix.S_IFBLK
}

// fileMode writes st_mode.
func (f *frame) fileMode(mode uint32) {
	if format := uint64(mode & unix.S_IFMT); format != 0 {
		f.constant(statFormats, format)
		f.raw('|')
	}
	for _, bit := range []constant{{unix.S_ISUID, "S_ISUID"}, {unix.S_ISGID, "S_ISGID"}, {unix.S_ISVTX, "S_ISVTX"}} {
		if uint64(mode)&bit.value != 0 {
			f.str(bit.name)
			f.raw('|')
		}
	}
	f.octal(uint64(mode) & 0o777)
}

func (f *frame) device(dev uint64) {
	f.str("makedev(")
	f.hex(uint64(unix.Major(dev)))
	f.str(", ")
	f.hex(uint64(unix.Minor(dev)))
	f.raw(')')
}

// stat is struct stat, in short.
func (f *frame) stat(i int) {
	var b [144]byte
	if !f.fields(f.a.Ptr(i), b[:]) {
		return
	}
	f.str("{st_mode=")
	f.fileMode(uint32(u32(b[:], 24)))
	if isDevice(u32(b[:], 24)) {
		f.str(", st_rdev=")
		f.device(u64(b[:], 40))
	} else {
		f.str(", ")
		f.named("st_size", i64(b[:], 48))
	}
	f.str(", ...}")
}

// statx is struct statx, in short.
func (f *frame) statx(i int) {
	var b [256]byte
	if !f.fields(f.a.Ptr(i), b[:]) {
		return
	}
	f.str("{stx_mask=")
	f.flags(statxFlags, u32(b[:], 0))
	f.str(", stx_attributes=")
	f.hex(u64(b[:], 8))
	f.str(", stx_mode=")
	f.fileMode(uint32(u16(b[:], 28)))
	f.str(", ")
	f.named("stx_size", i64(b[:], 40))
	f.str(", ...}")
}

func (f *frame) statfs(i int) {
	var b [88]byte
	if !f.fields(f.a.Ptr(i), b[:]) {
		return
	}
	f.str("{f_type=")
	f.constant(statfsNames, u64(b[:], 0))
	for n, name := range []string{"f_bsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree"} {
		f.str(", ")
		f.named(name, i64(b[:], 8+8*n))
	}
	f.str(", f_fsid={val=[")
	f.hex(u32(b[:], 56))
	f.str(", ")
	f.hex(u32(b[:], 60))
	f.str("]}, ")
	f.named("f_namelen", i64(b[:], 64))
	f.str(", ")
	f.named("f_frsize", i64(b[:], 72))
	f.str(", f_flags=")
	f.flags(statfsFlags, u64(b[:], 80))
	f.raw('}')
}

// dirents counts the entries of a directory.
func (f *frame) dirents(i int) {
	p := f.a.Ptr(i)
	f.pointer(p)
	if f.failed() {
		return
	}
	n := 0
	for at := uint32(0); int64(at) < f.result; n++ {
		var length [2]byte
		if f.t.Memory.Read(p+at+16, length[:]) != 0 || u16(length[:], 0) == 0 {
			break
		}
		at += uint32(u16(length[:], 0))
	}
	f.str(" /* ")
	f.dec(int64(n))
	f.str(" entries */")
}

// vector writes n iovecs at p with at most size bytes in them.
func (f *frame) vector(p, n uint32, size uint64) {
	if p == 0 {
		f.str("NULL")
		return
	}
	f.raw('[')
	for k := uint32(0); k < n; k++ {
		var b [8]byte
		if k > 0 {
			f.str(", ")
		}
		if k == maxElements {
			f.str("...")
			break
		}
		if f.t.Memory.Read(p+8*k, b[:]) != 0 {
			f.str("... /* ")
			f.pointer(p + 8*k)
			f.str(" */")
			break
		}
		length := min(u32(b[:], 4), size)
		size -= length
		f.str("{iov_base=")
		f.memory(uint32(u32(b[:], 0)), length)
		f.str(", ")
		f.named("iov_len", int64(u32(b[:], 4)))
		f.raw('}')
	}
	f.raw(']')
}

// vectorPointers is vector for a call that has failed to fill it.
func (f *frame) vectorPointers(p, n uint32) {
	f.raw('[')
	for k := uint32(0); k < min(n, maxElements); k++ {
		var b [8]byte
		if f.t.Memory.Read(p+8*k, b[:]) != 0 {
			break
		}
		if k > 0 {
			f.str(", ")
		}
		f.str("{iov_base=")
		f.pointer(uint32(u32(b[:], 0)))
		f.str(", ")
		f.named("iov_len", int64(u32(b[:], 4)))
		f.raw('}')
	}
	f.raw(']')
}

// fcntlArgument is the third argument of fcntl(2).
func (f *frame) fcntlArgument(i int) {
	v := f.a.Uint(i)
	switch f.a.Int(1) {
	case unix.F_SETFD:
		f.flags([]constant{{unix.FD_CLOEXEC, "FD_CLOEXEC"}}, uint64(v))
	case unix.F_SETFL:
		f.openFlags(v)
	case unix.F_GETLK, unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_GETLK, unix.F_OFD_SETLK, unix.F_OFD_SETLKW:
		f.lock(v)
	case unix.F_SETLEASE:
		f.constant(lockTypes, uint64(v))
	case unix.F_SETSIG:
		f.signalName(int(v))
	case unix.F_SETOWN_EX, unix.F_GETOWN_EX, unix.F_NOTIFY, unix.F_ADD_SEALS:
		f.hex(uint64(v))
	default:
		f.dec(int64(f.a[i]))
	}
}

// lock is struct flock: type i16 0, whence i16 2, start i64 8, length i64 16, pid
// i32 24.
func (f *frame) lock(p uint32) {
	var b [32]byte
	if !f.given(p, b[:]) {
		return
	}
	f.str("{l_type=")
	f.constant(lockTypes, u16(b[:], 0))
	f.str(", l_whence=")
	f.constant(whenceNames, u16(b[:], 2))
	f.str(", ")
	f.named("l_start", i64(b[:], 8))
	f.str(", ")
	f.named("l_len", i64(b[:], 16))
	if command := f.a.Int(1); command == unix.F_GETLK || command == unix.F_OFD_GETLK {
		f.str(", ")
		f.named("l_pid", i32(b[:], 24))
	}
	f.raw('}')
}

func (f *frame) fcntlResult() {
	command := f.a.Int(1)
	switch {
	case command == unix.F_GETFL:
		f.hex(uint64(f.result))
		f.str(" (flags ")
		f.openFlags(uint32(f.result))
		f.raw(')')
	case command == unix.F_GETFD && f.result == unix.FD_CLOEXEC:
		f.str("0x1 (flags FD_CLOEXEC)")
	default:
		f.dec(f.result)
	}
}
