package codeservice

import (
	"sync"

	"golang.org/x/sys/unix"

	"walisup/ipc/cache"
)

// What a service keeps at most, and files in the directory at most. A guest that executes
// more modules than that gets what was forgotten made again.
const (
	maxFiles     = 1024      // known files
	maxEntries   = 64        // compiled modules
	maxBytes     = 256 << 20 // of compiled modules
	maxFiled     = 256       // modules
	maxFiledSize = 1 << 30   // bytes
)

// store is what a service knows. Its methods may be called by any goroutine. The
// descriptors that they return are the caller's.
type store struct {
	mu      sync.Mutex
	files   map[identity]cache.Key
	entries map[cache.Key]*entry
	clock   uint64
	bytes   int64

	filed     int
	filedSize int64
}

type entry struct {
	fd   int
	size int64
	used uint64 // by the store's clock
}

// find returns the compiled module of a file that is known, or -1.
func (s *store) find(id identity) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, ok := s.files[id]
	if !ok {
		return -1
	}
	return s.get(key)
}

// known is find by the key, and remembers the file if that is found.
func (s *store) known(id identity, key cache.Key) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	code := s.get(key)
	if code >= 0 {
		s.remember(id, key)
	}
	return code
}

// put keeps the compiled module of a file, and returns a descriptor of it.
func (s *store) put(id identity, key cache.Key, code int) int {
	var st unix.Stat_t
	if unix.Fstat(code, &st) != nil || st.Size > maxBytes {
		return code
	}
	kept, err := unix.FcntlInt(uintptr(code), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return code
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries == nil {
		s.entries = map[cache.Key]*entry{}
	}
	s.drop(key)
	for len(s.entries) >= maxEntries || s.bytes+st.Size > maxBytes {
		s.drop(s.oldest())
	}
	s.clock++
	s.entries[key] = &entry{fd: kept, size: st.Size, used: s.clock}
	s.bytes += st.Size
	s.remember(id, key)
	return code
}

func (s *store) get(key cache.Key) int {
	e := s.entries[key]
	if e == nil {
		return -1
	}
	s.clock++
	e.used = s.clock
	fd, err := unix.FcntlInt(uintptr(e.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
}

func (s *store) remember(id identity, key cache.Key) {
	if id == (identity{}) {
		return
	}
	if s.files == nil || len(s.files) >= maxFiles {
		s.files = map[identity]cache.Key{}
	}
	s.files[id] = key
}

func (s *store) drop(key cache.Key) {
	if e := s.entries[key]; e != nil {
		unix.Close(e.fd)
		s.bytes -= e.size
		delete(s.entries, key)
	}
}

// oldest returns the key of the entry that was used least recently.
func (s *store) oldest() (oldest cache.Key) {
	var used uint64
	for key, e := range s.entries {
		if used == 0 || e.used < used {
			oldest, used = key, e.used
		}
	}
	return oldest
}

// mayFile reports whether one more module may be filed in the directory, and counts it.
func (s *store) mayFile(size int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.filed >= maxFiled || s.filedSize+size > maxFiledSize {
		return false
	}
	s.filed++
	s.filedSize += size
	return true
}

// close forgets everything.
func (s *store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.entries {
		s.drop(key)
	}
}
