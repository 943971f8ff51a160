package helper

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"walisup/helper/duplicate"
	"walisup/helper/engine"
	"walisup/helper/interrupt"
	"walisup/helper/module"
	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/ipc/stagezero"
	"walisup/wali"
	"walisup/wali/memory"
	"walisup/wali/signals"
	"walisup/wali/trace"
)

// program is what all threads of a process run.
type program struct {
	name    string // of the module, for messages
	module  module.Module
	names   []byte // see encodeNames
	lines   []byte // see sourceLines
	engine  engine.Engine
	code    engine.Program
	process *wali.Process
	pool    threadPool
	tracer  *trace.Tracer // nil if the process cannot be traced
	boot    *bootstrap
	layers  []*layer // the stack, that which is nearest to the application first

	stackSize uint32 // of the main thread, if it lies below all data; else 0
}

// entry returns the compiled module.
func (b *bootstrap) entry() (*cache.Entry, error) {
	if !b.Compiled {
		return b.compiled()
	}
	fd := b.first + ipc.EntryOffset
	defer unix.Close(fd)
	entry, err := cache.Map(fd)
	if errors.Is(err, cache.ErrAbsent) { // damaged in the cache directory
		return b.compiled()
	}
	return entry, err
}

// run turns the helper into the guest's process. It returns only errors.
func (b *bootstrap) run() error {
	if err := b.openChannel(); err != nil {
		return err
	}
	entry, err := b.entry()
	if err != nil {
		return err
	}
	if err := b.listAdapted(entry); err != nil {
		return err
	}
	layers, err := b.layerEntries()
	if err != nil {
		return err
	}
	if err := b.freeze(); err != nil {
		return err
	}
	runs, err := b.engine(entry)
	if err != nil {
		return err
	}
	p := &program{name: b.Module, names: entry.Names, lines: entry.Lines, engine: runs, boot: b}
	if err := p.module.UnmarshalBinary(entry.Meta); err != nil {
		return fmt.Errorf("%s: %w; clear the compile cache %s", b.Module, err, b.CacheDir)
	}
	ctx := context.Background()
	if b.PerfMap {
		if err := b.anonymousCode(entry); err != nil {
			return err
		}
	}
	mem, err := p.reserve(memory.FixedBase, reservedForProgram())
	if err != nil {
		return fmt.Errorf("%s: %w", b.Module, err)
	}
	p.process, err = b.process(mem)
	if err != nil {
		return err
	}
	if err := p.prepareTrace(); err != nil {
		return err
	}
	if err := p.loadLayers(ctx, layers); err != nil {
		return err
	}
	resolve := p.bindImport
	if len(p.layers) == 0 {
		resolve = nil
	}
	if err := p.load(ctx, entry, mem, resolve); err != nil {
		return b.engineError(err)
	}
	t, err := p.newThread(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", b.Module, err)
	}
	if t.stackPointer != nil {
		p.process.StackTop = uint32(t.stackPointer.Get())
	}
	if b.PerfMap {
		if err := p.writePerfMap(); err != nil {
			return err
		}
	}
	p.measureStack(t)
	p.pool.begin(t)
	if err := t.state.Bind(); err != nil {
		return err
	}
	if err := b.becomeGuest(t); err != nil {
		return err
	}
	if p.tracer != nil {
		p.tracer.Exec(t.Thread, b.Module)
	}
	t.startLayers()
	t.call(t.instance.Function(module.ExportInit))
	t.call(t.instance.Function(module.ExportStart))
	t.exiting(exitStatus(0))
	exit(0)
	return nil
}

// load links the compiled module to mem, and to what resolve finds for each of its imports;
// without resolve to the system calls.
func (p *program) load(ctx context.Context, entry *cache.Entry, mem *memory.Memory, resolve resolver) error {
	host, err := host(&p.module, mem, resolve)
	if err != nil {
		return err
	}
	p.code, err = p.engine.Load(ctx, &p.module, &engine.Artifact{
		Head: entry.Head, Code: entry.Code, Tail: entry.Tail, Index: entry.Index, Glue: entry.Glue,
	}, host)
	return err
}

// freeze installs the handlers for faults and sets the runtime's other threads
// aside: from here on it has only this one. That comes early since loading a
// module makes the runtime start more of them, which nothing needs and which
// would have to be set aside too. If they do not come to rest, fork is slower but
// works.
func (b *bootstrap) freeze() error {
	if err := interrupt.Install(); err != nil {
		return err
	}
	if err := duplicate.Install(); err != nil {
		return fmt.Errorf("prepare for fork: %w", err)
	}
	duplicate.Freeze()
	return nil
}

// process describes the process to the ABI layer.
func (b *bootstrap) process(mem *memory.Memory) (*wali.Process, error) {
	var st unix.Stat_t
	if err := unix.Fstat(b.first+ipc.HelperOffset, &st); err != nil && !b.alone {
		return nil, fmt.Errorf("examine the helper's executable: %w", err)
	}
	catch, sigreturn := interrupt.Handler()
	return &wali.Process{
		Actions:    signals.Table{Catch: catch, Return: sigreturn},
		Memory:     mem,
		Module:     b.Module,
		Args:       b.arguments(),
		Environ:    stagezero.Environ(),
		ReservedFD: uint32(b.first),
		SpareFD:    uint32(max(b.Spare, b.first)),
		HelperDev:  st.Dev,
		HelperIno:  st.Ino,
		Sandboxed:  b.Sandboxed,
	}, nil
}
