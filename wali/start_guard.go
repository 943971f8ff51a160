package wali

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// DropRawIO gives up CAP_SYS_RAWIO in all threads. With it a process can open the
// devices that show all of the machine's memory, and /proc/kcore, by any name. It is
// not taken from the bounding set: native programs that a guest may start get it
// again.
func (t *Thread) DropRawIO() unix.Errno {
	header, data, e := t.capabilities()
	if e != 0 {
		return e
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
// must not have.
func (t *Thread) JudgeInherited() { t.guard().JudgeInherited(int32(t.ReservedFD)) }
