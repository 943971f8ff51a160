package helper

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"walisup/helper/module"
	"walisup/ipc/cache"
)

// A helper gets the compiled form of a module twice in its life: of its own module when it
// starts, and of the one that its guest executes. The first is mapped, the second handed on
// as a file; how another process is had to compile differs as well. All else is the same.

// moduleFile is an open module file.
type moduleFile struct {
	fd   int
	size int64
	st   unix.Stat_t
}

// openModule opens the module file; the descriptor may be one that the boot record names.
// close ends what that has opened.
func (b *bootstrap) openModule() (f moduleFile, close func(), err error) {
	f.fd, close = b.ModuleFD, func() {}
	if f.fd < 0 {
		if f.fd, err = unix.Open(b.Module, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return f, close, notRunnable(b.Module, err)
		}
		close = func() { unix.Close(f.fd) }
	}
	if err := f.look(); err != nil {
		close()
		return f, close, notRunnable(b.Module, err)
	}
	return f, close, nil
}

// look reads the file's state.
func (f *moduleFile) look() error {
	err := unix.Fstat(f.fd, &f.st)
	f.size = f.st.Size
	return err
}

// fileError is an error of reading a module file: the kernel's, or one that says what the
// file is instead of a module.
type fileError struct{ err error }

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// check tells modules that can be run from other files. Its error is a fileError.
func (f *moduleFile) check() error {
	var head [module.HeaderSize]byte
	n, err := unix.Pread(f.fd, head[:], 0)
	if err == nil {
		err = module.Check(head[:n], f.size)
	}
	if err != nil {
		return &fileError{err}
	}
	return nil
}

// read returns the content in memory of its own, to be given back by unix.Munmap: where the
// collector is off the heap is no place for it, and a mapping of the file could change or
// fault. Its error is a fileError.
func (f *moduleFile) read() ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	content, err := unix.Mmap(-1, 0, int(f.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, &fileError{err}
	}
	for got := 0; got < len(content); {
		n, err := unix.Pread(f.fd, content[got:], int64(got))
		if err == unix.EINTR {
			continue
		}
		if err == nil && n == 0 {
			err = errors.New("the file became shorter while it was read")
		}
		if err != nil {
			unix.Munmap(content)
			return nil, &fileError{err}
		}
		got += n
	}
	return content, nil
}

// fetcher says what is wanted of a compiled module, and who compiles.
type fetcher[T any] struct {
	// open takes an entry of the cache directory. The entry may be absent or damaged.
	open func(*cache.Dir, cache.Key) (T, error)
	// compile has another process compile the module into an empty file: compiling
	// fills the heap, and the memory of this process is the guest's.
	compile func(result int) error
	// take takes the file over.
	take func(result int) (T, error)
}

// fetch returns the compiled form of a module from the cache directory, or else has it
// compiled. dir may be nil. A file that is no module is noticed before anything is
// compiled: the error is then a fileError.
func fetch[T any](b *bootstrap, f *moduleFile, dir *cache.Dir, how fetcher[T]) (compiled T, err error) {
	if dir != nil {
		compiled, err = lookup(b, f, dir, how.open)
		if err == nil || !errors.Is(err, cache.ErrAbsent) {
			return compiled, err
		}
	} else if err := f.check(); err != nil {
		return compiled, err
	}
	result, err := cache.NewMemory()
	if err != nil {
		return compiled, fmt.Errorf("make room for the compiled module: %w", err)
	}
	if err = how.compile(result); err == nil {
		if err = cache.Seal(result); err != nil {
			err = fmt.Errorf("keep the compiled module: %w", err)
		}
	}
	if err != nil {
		unix.Close(result)
		return compiled, err
	}
	return how.take(result)
}

// lookup looks for a module in the cache directory: by the file's name and state if these are
// known, else by its content. The error is cache.ErrAbsent if it is not there.
func lookup[T any](b *bootstrap, f *moduleFile, dir *cache.Dir, open func(*cache.Dir, cache.Key) (T, error)) (entry T, err error) {
	context := b.contextSum()
	if key, ok := dir.Find(&f.st, context); ok {
		if entry, err = open(dir, key); err == nil {
			return entry, nil
		}
	}
	content, err := f.read()
	if err != nil {
		return entry, err
	}
	defer unix.Munmap(content)
	key := b.key(content)
	if entry, err = open(dir, key); err == nil {
		dir.Remember(&f.st, context, key)
	}
	return entry, err
}
