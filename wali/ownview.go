package wali

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"walisup/wali/memory"
	"walisup/wali/pathguard"
)

// What a process sees of itself in /proc/self/maps, smaps, smaps_rollup and auxv is
// what a 32-bit process would: the guest's pages, and the vector that its C library
// gets. The kernel's files show the helper.
//
// Such a file is made when it is opened and then stays as it is. Native ones show what
// is there when they are read.

// openOwnView makes the file in which the guest sees itself.
func (t *Thread) openOwnView(v pathguard.Verdict, how pathguard.How) int64 {
	switch {
	case how.Flags&unix.O_DIRECTORY != 0:
		return errno(unix.ENOTDIR)
	case how.Flags&unix.O_ACCMODE != unix.O_RDONLY:
		return errno(unix.EACCES)
	}
	r := t.makeFile(v.Name(), how.CloseOnExec())
	if r < 0 {
		return r
	}
	w := viewWriter{Thread: t, fd: int32(r)}
	switch v {
	case pathguard.OwnAuxv:
		w.auxv()
	default:
		w.regions(v)
	}
	t.call(unix.SYS_FCHMOD, uintptr(r), 0o444, 0, 0, 0, 0)
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	t.call(unix.SYS_FCNTL, uintptr(r), unix.F_ADD_SEALS, seals, 0, 0, 0)
	if w.err != 0 {
		t.closeFD(int32(r))
		return errno(w.err)
	}
	return r
}

// viewWriter writes a file piece by piece.
type viewWriter struct {
	*Thread
	fd     int32
	offset uintptr
	err    unix.Errno
}

// write appends b, which is in scratch space.
func (w *viewWriter) write(b []byte) {
	for len(b) > 0 && w.err == 0 {
		r := w.call(unix.SYS_PWRITE64, uintptr(w.fd), address(b), uintptr(len(b)), w.offset, 0, 0)
		if r <= 0 {
			w.err = unix.ENOMEM
			return
		}
		w.offset += uintptr(r)
		b = b[r:]
	}
}

func (w *viewWriter) auxv() {
	vector := w.Thread.auxv()
	b := w.alloc(len(vector) * 8)[:0]
	for _, pair := range vector {
		b = binary.LittleEndian.AppendUint32(b, uint32(pair[0]))
		b = binary.LittleEndian.AppendUint32(b, uint32(pair[1]))
	}
	w.write(b)
}

// mapped is a line of maps.
type mapped struct {
	memory.Region
	dev, inode uint64
	name       string
}

// regions writes maps, smaps or smaps_rollup.
func (w *viewWriter) regions(v pathguard.Verdict) {
	lines := w.mapped()
	if v == pathguard.OwnRollup {
		if len(lines) == 0 {
			return
		}
		all := usage{}
		for _, m := range lines {
			all.add(w.usage(m.Region))
		}
		first, last := lines[0], lines[len(lines)-1]
		w.text(mapped{Region: memory.Region{Start: first.Start, End: last.End}, name: "[rollup]"}, &all, true)
		return
	}
	for _, m := range lines {
		var u *usage
		if v == pathguard.OwnSmaps {
			found := w.usage(m.Region)
			u = &found
		}
		w.text(m, u, false)
	}
}

// text writes a line of maps, with what smaps has to say about it if u is not nil.
func (w *viewWriter) text(m mapped, u *usage, rollup bool) {
	mark := w.scratchUsed
	defer func() { w.scratchUsed = mark }()
	b := w.alloc(unix.PathMax + 2048)[:0]
	b = fmt.Appendf(b, "%08x-%08x %s %08x %02x:%02x %d ", m.Start, m.End, modeOf(m.Region), m.Offset, unix.Major(m.dev), unix.Minor(m.dev), m.inode)
	if m.name != "" {
		const nameColumn = 73 // fs/proc/task_mmu.c, seq_setwidth
		for len(b) < nameColumn {
			b = append(b, ' ')
		}
		b = append(b, m.name...)
	}
	b = append(b, '\n')
	if u != nil {
		b = u.append(b, m.Region, rollup)
	}
	w.write(b)
}

func modeOf(r memory.Region) string {
	b := []byte("---p")
	if r.Read {
		b[0] = 'r'
	}
	if r.Write {
		b[1] = 'w'
	}
	if r.Shared {
		b[3] = 's'
	}
	return string(b)
}

// mapped returns what the guest has mapped, with names. The module's own pages, of
// data and of the first thread's stack, are one region for the page map.
func (w *viewWriter) mapped() []mapped {
	heap, brk := w.Memory.Break()
	const page = memory.PageSize
	data := (heap + page - 1) &^ (page - 1) // its end
	top := uint64(w.StackTop) &^ (page - 1)
	if top >= data {
		top = 0 // the stack does not come first, and where it begins is not known
	}
	var lines []mapped
	for _, r := range w.Memory.Regions() {
		for r.Start < r.End {
			part := r
			m := mapped{}
			switch {
			case r.Start < top:
				part.End, m.name = min(r.End, top), "[stack]"
			case r.Start < data:
				part.End, m.name = min(r.End, data), w.Module
			case r.Start < brk:
				part.End, m.name = min(r.End, (brk+page-1)&^(page-1)), "[heap]"
			}
			if r.Shared || r.PrivateMapping {
				m.name = w.fileName(r)
			}
			r.Start = part.End
			m.Region = part
			w.find(&m)
			lines = append(lines, m)
		}
	}
	return lines
}

// fileName returns what the kernel calls the file that is mapped at r: nothing if
// it has merged the mapping with a neighbour, or if there is no /proc.
func (w *viewWriter) fileName(r memory.Region) string {
	mark := w.scratchUsed
	defer func() { w.scratchUsed = mark }()
	base := uint64(w.Memory.Base())
	link := fmt.Sprintf("/proc/self/map_files/%x-%x", base+r.Start, base+r.End)
	name := w.alloc(unix.PathMax)
	n := w.call(unix.SYS_READLINKAT, atFDCWD, w.cstring(link), address(name), uintptr(len(name)), 0, 0)
	if n < 0 {
		return ""
	}
	return strings.ReplaceAll(string(name[:n]), "\n", `\012`)
}

// find fills in which file the region is of, as far as its name still leads to it.
func (w *viewWriter) find(m *mapped) {
	if !strings.HasPrefix(m.name, "/") {
		return
	}
	mark := w.scratchUsed
	defer func() { w.scratchUsed = mark }()
	path := w.cstring(m.name)
	b := pathguard.Statx(w.alloc(pathguard.StatxSize))
	const how = unix.AT_SYMLINK_NOFOLLOW | unix.AT_STATX_DONT_SYNC
	if path != 0 && w.call(unix.SYS_STATX, atFDCWD, path, how, unix.STATX_INO, address(b), 0) == 0 {
		m.dev, m.inode = b.Dev(), b.Inode()
	}
}

// usage is how much of a region is in memory, in kilobytes.
type usage struct{ size, resident, shared, dirty, anonymous, locked uint64 }

func (u *usage) add(v usage) {
	u.size += v.size
	u.resident += v.resident
	u.shared += v.shared
	u.dirty += v.dirty
	u.anonymous += v.anonymous
	u.locked += v.locked
}

func (w *viewWriter) usage(r memory.Region) usage {
	const perPage = memory.PageSize / 1024
	u := usage{size: (r.End - r.Start) / 1024, resident: w.Memory.Resident(r.Start, r.End) * perPage}
	if r.Write {
		u.dirty = u.resident
	}
	switch {
	case r.Shared:
		u.shared = u.resident
	case !r.PrivateMapping:
		u.anonymous = u.resident
	}
	if r.Locked {
		u.locked = u.size
	}
	return u
}

// append appends the lines of smaps. What of a region is shared with other processes
// is not known: private memory counts as the process's own.
func (u *usage) append(b []byte, r memory.Region, rollup bool) []byte {
	line := func(name string, kilobytes uint64) {
		b = fmt.Appendf(b, "%-16s%8d kB\n", name+":", kilobytes)
	}
	if !rollup {
		line("Size", u.size)
		line("KernelPageSize", memory.PageSize/1024)
		line("MMUPageSize", memory.PageSize/1024)
	}
	line("Rss", u.resident)
	line("Pss", u.resident)
	line("Pss_Dirty", u.dirty)
	sharedDirty := min(u.shared, u.dirty)
	line("Shared_Clean", u.shared-sharedDirty)
	line("Shared_Dirty", sharedDirty)
	line("Private_Clean", u.resident-u.shared-(u.dirty-sharedDirty))
	line("Private_Dirty", u.dirty-sharedDirty)
	line("Referenced", u.resident)
	line("Anonymous", u.anonymous)
	for _, name := range []string{"LazyFree", "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped", "Shared_Hugetlb", "Private_Hugetlb", "Swap", "SwapPss"} {
		line(name, 0)
	}
	line("Locked", u.locked)
	if rollup {
		return b
	}
	b = append(b, "THPeligible:           0\nVmFlags:"...)
	for _, flag := range []struct {
		name string
		set  bool
	}{{"rd", r.Read}, {"wr", r.Write}, {"sh", r.Shared}, {"mr", true}, {"mw", true}, {"lo", r.Locked}} {
		if flag.set {
			b = append(append(b, ' '), flag.name...)
		}
	}
	return append(b, '\n')
}
