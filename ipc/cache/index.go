package cache

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The index remembers which entry a file led to, so that a large module need not
// be read and hashed at every start. A file counts as the same if device, inode,
// size, modification and change time are: the change time cannot be set. A file
// that changed just before it was looked at is not remembered, since it could
// change again within one tick of the file system's clock.
const (
	indexSettled  = 100 * time.Millisecond
	indexHeadSize = 24 + 32
	indexSize     = indexHeadSize + len(Key{})

	indexPrefix = "file-"
)

// Find returns the key that Remember was given for this state of a file. context
// is what the key depends on besides the file's content.
func (d *Dir) Find(st *unix.Stat_t, context [32]byte) (key Key, ok bool) {
	fd, err := unix.Openat(d.fd, indexName(st), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return key, false
	}
	defer unix.Close(fd)
	var b [indexSize + 1]byte
	n, err := unix.Read(fd, b[:])
	if err != nil || n != indexSize || !bytes.Equal(b[:indexHeadSize], indexHead(st, context)) {
		return key, false
	}
	copy(key[:], b[indexHeadSize:indexSize])
	return key, true
}

// Remember says that the file with the state st, as it was before it was read,
// leads to key. Failing to write it down costs time at the next start and no
// more.
func (d *Dir) Remember(st *unix.Stat_t, context [32]byte, key Key) {
	if time.Since(time.Unix(st.Ctim.Unix())) < indexSettled {
		return
	}
	name := indexName(st)
	temp := name + "." + strconv.Itoa(unix.Getpid()) + ".tmp"
	fd, err := d.create(temp)
	if err != nil {
		return
	}
	err = writeAll(fd, append(indexHead(st, context), key[:]...))
	unix.Close(fd)
	if err == nil {
		err = unix.Renameat(d.fd, temp, d.fd, name)
	}
	if err != nil {
		unix.Unlinkat(d.fd, temp, 0)
	}
}

func indexName(st *unix.Stat_t) string {
	return indexPrefix + strconv.FormatUint(st.Dev, 16) + "-" + strconv.FormatUint(st.Ino, 16)
}

func indexHead(st *unix.Stat_t, context [32]byte) []byte {
	b := make([]byte, 0, indexSize)
	b = binary.LittleEndian.AppendUint64(b, uint64(st.Size))
	b = binary.LittleEndian.AppendUint64(b, uint64(st.Mtim.Nano()))
	b = binary.LittleEndian.AppendUint64(b, uint64(st.Ctim.Nano()))
	return append(b, context[:]...)
}
