package helper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"walisup/helper/engine"
	"walisup/helper/module"
	"walisup/helper/report"
	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/ipc/stagezero"
	"walisup/wali/memory"
)

// compiled returns the module's cache entry. If there is none, a second helper
// makes it.
func (b *bootstrap) compiled() (*cache.Entry, error) {
	f, closeModule, err := b.openModule()
	if err != nil {
		return nil, err
	}
	defer closeModule()
	var dir *cache.Dir
	if b.CacheDir != "" {
		if dir, err = b.openCache(); err != nil {
			return nil, err
		}
		defer dir.Close()
	}
	entry, err := fetch(b, &f, dir, fetcher[*cache.Entry]{
		open: (*cache.Dir).Load, compile: func(result int) error {
			if b.alone {
				return b.compileHere(&f, result)
			}
			return b.runCompiler(result)
		},
		take: func(result int) (*cache.Entry, error) {
			defer unix.Close(result)
			return cache.Map(result)
		},
	})
	switch {
	case errors.Is(err, cache.ErrAbsent):
		return nil, fmt.Errorf("%s: the compiling helper left no result", b.Module)
	case err != nil:
		return nil, b.moduleError(err)
	}
	return entry, nil
}

// moduleError makes an error about the module file one of the helper's.
func (b *bootstrap) moduleError(err error) error {
	var e *fileError
	if errors.As(err, &e) {
		return notRunnable(b.Module, err)
	}
	return err
}

// compileMain is the program of a compiling helper.
func (b *bootstrap) compileMain() {
	err := b.compileModule()
	if _, failure := unix.FcntlInt(uintptr(b.first+ipc.EntryOffset), unix.F_GETFD, 0); failure != nil {
		// Nobody waits for this module alone: it is about the cache.
		for place := 0; place < len(b.Layers) && err == nil; place++ {
			err = b.ofLayer(place).compileModule()
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

func (b *bootstrap) compileModule() error {
	f, closeModule, err := b.openModule()
	if err != nil {
		return b.moduleError(err)
	}
	defer closeModule()
	content, err := f.read()
	if err == nil {
		err = b.compileTo(content)
	}
	return b.moduleError(err)
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
	options := b.options()
	m, err := module.Prepare(content, options)
	if err != nil {
		return nil, notRunnable(b.Module, err)
	}
	artifact, err := b.compiler().Compile(context.Background(), m, engine.Options{
		Workers: runtime.GOMAXPROCS(0), Debug: b.KeepDebug,
		MemoryBase: cmp.Or(uintptr(options.MemoryBase), memory.FixedBase), Reserved: stagezero.Reserved(),
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
