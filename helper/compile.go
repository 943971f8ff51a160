package helper

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"walisup/helper/engine"
	"walisup/helper/engine/wazero"
	"walisup/helper/module"
	"walisup/helper/report"
	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/ipc/channel"
	"walisup/ipc/stagezero"
)

// bootstrap is the state of a helper until its guest runs.
type bootstrap struct {
	*ipc.Boot
	first   int              // first descriptor of the private range
	build   string           // of this helper, see cache.BuildID
	channel *channel.Channel // to the supervisor; nil if there is none

	left []uint32 // guest threads that stand still, for exec

	args  []string // the guest's arguments; nil for those that the helper was executed with
	alone bool     // this program cannot be executed again, see standalone
}

// openCache opens the cache folder. The caller closes it.
func (b *bootstrap) openCache() (*cache.Dir, error) {
	if b.CacheShared {
		return cache.OpenShared(b.CacheDir, b.CacheDev, b.CacheIno)
	}
	return cache.Open(b.CacheDir)
}

// arguments are the guest's.
func (b *bootstrap) arguments() []string {
	if b.args != nil {
		return b.args
	}
	return stagezero.Args()
}

func (b *bootstrap) options() module.Options {
	return module.Options{KeepDebug: b.KeepDebug, PlainTables: b.PlainTables}
}

// engine is what compiles and runs the module.
func (b *bootstrap) engine() engine.Engine { return wazero.Engine{} }

// engineError makes an error of the engine's one of the helper's.
func (b *bootstrap) engineError(err error) error {
	var e *engine.ModuleError
	if errors.As(err, &e) {
		return notRunnable(b.Module, err)
	}
	return fmt.Errorf("%s: %w", b.Module, err)
}

// context is what a cache entry depends on besides the module file's content.
func (b *bootstrap) context() cache.Context {
	return cache.Context{Build: b.build, KeepDebug: b.KeepDebug, PlainTables: b.PlainTables}
}

func (b *bootstrap) contextSum() [32]byte {
	context := b.context()
	return context.Sum()
}

// key names the cache entry of a module file's content.
func (b *bootstrap) key(content []byte) cache.Key {
	context := b.context()
	return context.Key(content)
}

// openModule returns a descriptor of the module file, to be closed with close, and
// the file's state.
func (b *bootstrap) openModule() (fd int, st unix.Stat_t, close func(), err error) {
	fd, close = b.ModuleFD, func() {}
	if fd < 0 {
		if fd, err = unix.Open(b.Module, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return fd, st, close, notRunnable(b.Module, err)
		}
		close = func() { unix.Close(fd) }
	}
	if err := unix.Fstat(fd, &st); err != nil {
		close()
		return fd, st, close, notRunnable(b.Module, err)
	}
	return fd, st, close, nil
}

// readModule returns the content of an open module file.
func (b *bootstrap) readModule(fd int, size int64) ([]byte, error) {
	head := make([]byte, module.HeaderSize)
	n, err := unix.Pread(fd, head, 0)
	if err != nil {
		return nil, notRunnable(b.Module, err)
	}
	if err := module.Check(head[:n], size); err != nil {
		return nil, notRunnable(b.Module, err)
	}
	content := make([]byte, size)
	for got := 0; got < len(content); {
		n, err := unix.Pread(fd, content[got:], int64(got))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, notRunnable(b.Module, err)
		}
		if n == 0 {
			return nil, notRunnable(b.Module, errors.New("the file became shorter while it was read"))
		}
		got += n
	}
	return content, nil
}

// compiled returns the module's cache entry. If there is none, a second helper
// makes it: compiling fills the heap, and the memory of this process is the
// guest's.
func (b *bootstrap) compiled() (*cache.Entry, error) {
	fd, st, closeModule, err := b.openModule()
	if err != nil {
		return nil, err
	}
	defer closeModule()
	if b.CacheDir != "" {
		entry, err := b.cached(fd, &st)
		if err == nil || !errors.Is(err, cache.ErrAbsent) {
			return entry, err
		}
	} else if _, err := b.readModule(fd, st.Size); err != nil {
		return nil, err
	}
	result, err := cache.NewMemory()
	if err != nil {
		return nil, fmt.Errorf("make room for the compiled module: %w", err)
	}
	defer unix.Close(result)
	if b.alone {
		err = b.compileHere(fd, st.Size, result)
	} else {
		err = b.runCompiler(result)
	}
	if err != nil {
		return nil, err
	}
	if err := cache.Seal(result); err != nil {
		return nil, fmt.Errorf("keep the compiled module: %w", err)
	}
	entry, err := cache.Map(result)
	if err != nil {
		return nil, fmt.Errorf("%s: the compiling helper left no result", b.Module)
	}
	return entry, nil
}

// cached looks for the module in the cache folder. The error is cache.ErrAbsent if
// it is not there.
func (b *bootstrap) cached(fd int, st *unix.Stat_t) (*cache.Entry, error) {
	dir, err := b.openCache()
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	context := b.contextSum()
	if key, ok := dir.Find(st, context); ok {
		if entry, err := dir.Load(key); err == nil {
			return entry, nil
		}
	}
	content, err := b.readModule(fd, st.Size)
	if err != nil {
		return nil, err
	}
	key := b.key(content)
	entry, err := dir.Load(key)
	if err == nil {
		dir.Remember(st, context, key)
	}
	return entry, err
}

// compileMain is the program of a compiling helper.
func (b *bootstrap) compileMain() {
	fd, st, closeModule, err := b.openModule()
	if err == nil {
		defer closeModule()
		var content []byte
		if content, err = b.readModule(fd, st.Size); err == nil {
			err = b.compileTo(content)
		}
	}
	var e *exitError
	switch {
	case err == nil:
		exit(0)
	case errors.As(err, &e):
		fail(e.status, e.err)
	default:
		fail(exitOwn, err)
	}
}

func (b *bootstrap) compileTo(content []byte) error {
	key := b.key(content)
	var dir *cache.Dir
	if b.CacheDir != "" && !b.CacheShared {
		var err error
		if dir, err = b.openCache(); err != nil {
			return err
		}
		defer dir.Close()
	}
	resultFD := b.first + ipc.EntryOffset
	_, err := unix.FcntlInt(uintptr(resultFD), unix.F_GETFD, 0)
	wanted := err == nil
	if !wanted && dir != nil {
		if entry, err := dir.Load(key); err == nil {
			return b.listAdapted(entry)
		}
	}
	done := b.progress()
	entry, err := b.compile(content)
	done()
	if err != nil {
		return err
	}
	if dir != nil {
		if err := dir.Store(key, entry); err != nil && !wanted {
			return err
		}
	}
	if wanted {
		if err := cache.Write(resultFD, entry); err != nil {
			if errors.Is(err, unix.EFBIG) {
				err = fmt.Errorf("%w (the limit of file sizes, ulimit -f, holds for memory files too)", err)
			}
			return fmt.Errorf("hand over the compiled module: %w", err)
		}
		return nil // whoever wants it lists it
	}
	return b.listAdapted(entry)
}

// listAdapted says which function pointers a module's calls are adapted to, if
// that was asked for.
func (b *bootstrap) listAdapted(entry *cache.Entry) error {
	if !b.ListAdapted {
		return nil
	}
	var m module.Module
	if err := m.UnmarshalBinary(entry.Meta); err != nil {
		return fmt.Errorf("%s: %w", b.Module, err)
	}
	for _, a := range m.Adaptations() {
		report.Write(fmt.Sprintf("walisup: %s: calls as %s of functions %s are adapted\n", b.Module, a.Expected, a.Actual))
	}
	return nil
}

func (b *bootstrap) compile(content []byte) (*cache.Entry, error) {
	m, err := module.Prepare(content, b.options())
	if err != nil {
		return nil, notRunnable(b.Module, err)
	}
	artifact, err := b.engine().Compile(context.Background(), m, engine.Options{
		Workers: runtime.GOMAXPROCS(0), Debug: b.KeepDebug, Reserved: stagezero.Reserved(),
	})
	if err != nil {
		return nil, b.engineError(err)
	}
	meta, err := m.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Module, err)
	}
	return &cache.Entry{
		Meta: meta, Head: artifact.Head, Tail: artifact.Tail, Code: artifact.Code,
		Index: artifact.Index, Glue: artifact.Glue,
		Names: encodeNames(module.Names(m.Binary)),
		Lines: sourceLines(content, m, artifact.Sources),
	}, nil
}

// progress says that a module is being compiled, if that takes more than a
// moment and a person is looking. The function it returns ends the message.
func (b *bootstrap) progress() (done func()) {
	if !b.Progress {
		return func() {}
	}
	finished, shown := make(chan struct{}), make(chan bool)
	go func() {
		select {
		case <-finished:
			shown <- false
		case <-time.After(300 * time.Millisecond):
			report.Write("walisup: compiling " + b.Module + " ... ")
			<-finished
			shown <- true
		}
	}()
	return func() {
		close(finished)
		if <-shown {
			report.Write("done\n")
		}
	}
}
