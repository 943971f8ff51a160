package cache

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What is in the directory is bounded by what was used last. Other builds of the helper
// may be in use at the same time, so what they have left is kept for some days.
const (
	keepOther = 7 * 24 * time.Hour  // entries of other builds, and names from older ones
	keepOwn   = 90 * 24 * time.Hour // entries of this build
	keepTemp  = 24 * time.Hour      // what a process that was killed was writing
	keepBytes = 4 << 30             // all entries together
)

// file is what prune knows of a file in the directory.
type file struct {
	name string
	size int64
	used time.Time // last, as far as the file system tells
}

// prune removes what nobody has used for long, and the least recently used entries
// beyond keepBytes, but never keep. Failing to costs room and no more.
func (d *Dir) prune(keep Key, now time.Time) {
	for _, name := range stale(d.files(), keep, now) {
		unix.Unlinkat(d.fd, name, 0)
	}
}

// stale chooses what prune removes.
func stale(files []file, keep Key, now time.Time) (names []string) {
	build := hex.EncodeToString(keep[:buildSize])
	var left []file
	var total int64
	for _, f := range files {
		age := now.Sub(f.used)
		own := strings.HasPrefix(f.name, build)
		switch {
		case f.name == keep.String():
			total += f.size
		case strings.HasSuffix(f.name, ".tmp") && age > keepTemp, age > keepOwn, !own && !isIndex(f.name) && age > keepOther:
			names = append(names, f.name)
		case isEntry(f.name):
			left = append(left, f)
			total += f.size
		}
	}
	slices.SortFunc(left, func(a, b file) int { return a.used.Compare(b.used) })
	for _, f := range left {
		if total <= keepBytes {
			break
		}
		names = append(names, f.name)
		total -= f.size
	}
	return names
}

func isIndex(name string) bool { return strings.HasPrefix(name, indexPrefix) }

// isEntry reports whether a file is a whole entry, of whatever build.
func isEntry(name string) bool {
	_, err := hex.DecodeString(name)
	return err == nil
}

// files lists those files of the directory that this package may have made: it may be
// a directory that holds others too.
func (d *Dir) files() (list []file) {
	fd, err := unix.Openat(d.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return list
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			var st unix.Stat_t
			if !ours(name) || unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
				continue
			}
			used := max(st.Atim.Nano(), st.Mtim.Nano())
			list = append(list, file{name: name, size: st.Size, used: time.Unix(0, used)})
		}
	}
}

// ours reports whether a name is one of those that this package gives, or has given.
func ours(name string) bool {
	if isIndex(name) {
		return true
	}
	key, rest, _ := strings.Cut(name, ".")
	if rest != "" && !strings.HasSuffix(rest, ".tmp") && rest != "tmp" {
		return false
	}
	const before = 32 // bytes of a key without a build
	b, err := hex.DecodeString(key)
	return err == nil && (len(b) == len(Key{}) || len(b) == before)
}
