package helper

import (
	"fmt"

	"golang.org/x/sys/unix"

	"walisup/ipc/cache"
)

// anonymousCode moves the compiled code into memory of its own: perf looks into a map
// of functions for addresses that belong to no file only.
func (b *bootstrap) anonymousCode(entry *cache.Entry) error {
	if len(entry.Code) == 0 {
		return nil
	}
	code, err := unix.Mmap(-1, 0, len(entry.Code), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("map compiled module for perf: %w", err)
	}
	copy(code, entry.Code)
	if err := unix.Mprotect(code, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		return fmt.Errorf("map compiled module for perf: %w", err)
	}
	entry.Code = code
	return nil
}

// writePerfMap writes which function lies where, in the form and to the place that perf
// expects: tools/perf/Documentation/jit-interface.txt of Linux. A forked child is
// another process to perf and has no map.
func (p *program) writePerfMap() error {
	// Others can write to /tmp, so the file must be new.
	path := fmt.Sprintf("/tmp/perf-%d.map", unix.Getpid())
	unix.Unlink(path)
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer unix.Close(fd)
	names := decodeNames(p.names)
	var text []byte
	p.code.EachFunction(func(function uint32, lo, hi uintptr) {
		text = fmt.Appendf(text, "%x %x %s\n", lo, hi-lo, functionName(names, p.imported()+function))
	})
	for len(text) > 0 {
		n, err := unix.Write(fd, text)
		if err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		text = text[n:]
	}
	return nil
}
