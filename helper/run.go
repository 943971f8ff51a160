package helper

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
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
	"walisup/wali/trace"
)

// program is what all threads of a process run.
type program struct {
	name    string // of the module, for messages
	module  module.Module
	names   []byte // see encodeNames
	lines   []byte // see sourceLines
	engine  *engine.Program
	layout  engine.Layout
	code    []byte
	offsets []int
	target  interrupt.Target
	process *wali.Process
	pool    threadPool
	tracer  *trace.Tracer // nil if the process cannot be traced
	boot    *bootstrap

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
	if errors.Is(err, cache.ErrAbsent) { // damaged in the cache folder
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
	if err := b.freeze(); err != nil {
		return err
	}
	p := &program{name: b.Module, names: entry.Names, lines: entry.Lines, boot: b}
	if err := p.module.UnmarshalBinary(entry.Meta); err != nil {
		return fmt.Errorf("%s: %w; clear the compile cache %s", b.Module, err, b.CacheDir)
	}
	ctx := context.Background()
	if b.PerfMap {
		if err := b.anonymousCode(entry); err != nil {
			return err
		}
	}
	p.engine, err = engine.Load(ctx, p.module.Stub, &engine.Artifact{
		Head: entry.Head, Code: entry.Code, Tail: entry.Tail, Glue: engine.Glue{Index: entry.Index, Code: entry.Glue},
	})
	if err != nil {
		return notRunnable(b.Module, err)
	}
	mem, err := p.reserve()
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
	if err := p.link(ctx); err != nil {
		return fmt.Errorf("%s: %w", b.Module, err)
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
	t.call(t.function(module.ExportInit))
	t.call(t.function(module.ExportStart))
	t.exiting(exitStatus(0))
	exit(0)
	return nil
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

// reserve makes the linear memory with the module's data and stack mapped.
func (p *program) reserve() (*memory.Memory, error) {
	m := &p.module
	limit := uint64(m.MaxPages) * module.PageSize
	taken := stagezero.Reserved() && stagezero.ReservedBase == memory.FixedBase && stagezero.ReservedSize == memory.FixedSpan
	mem, err := memory.ReserveFixed(limit, uint64(m.MemoryPages)*module.PageSize-limit, taken)
	if err != nil {
		return nil, err
	}
	if err := mem.MapInitial(uint64(m.LowestUse), uint64(m.DataEnd)); err != nil {
		return nil, err
	}
	if err := mem.SetBreakStart(uint64(m.DataEnd)); err != nil {
		return nil, err
	}
	if len(m.ClassTable) > 0 {
		if err := mem.MapPrivate(m.ClassAddress, m.ClassTable); err != nil {
			return nil, err
		}
	}
	return mem, nil
}

// measureStack finds out how large the main thread's stack is, of which t is about to
// use the first byte. It is known if the linker put it below all data.
func (p *program) measureStack(t *thread) {
	if m := &p.module; m.LowestUse > 0 && t.stackPointer != nil {
		p.stackSize = min(uint32(t.stackPointer.Get()), m.DataEnd) &^ (memory.PageSize - 1)
	}
	p.process.Memory.SetStack(uint64(p.stackSize))
}

// process describes the process to the ABI layer.
func (b *bootstrap) process(mem *memory.Memory) (*wali.Process, error) {
	var st unix.Stat_t
	if err := unix.Fstat(b.first+ipc.HelperOffset, &st); err != nil && !b.alone {
		return nil, fmt.Errorf("examine the helper's executable: %w", err)
	}
	catch, sigreturn := interrupt.Handler()
	return &wali.Process{
		CatchSignal:  catch,
		SignalReturn: sigreturn,
		Memory:       mem,
		Module:       b.Module,
		Args:         b.arguments(),
		Environ:      stagezero.Environ(),
		ReservedFD:   uint32(b.first),
		SpareFD:      uint32(max(b.Spare, b.first)),
		HelperDev:    st.Dev,
		HelperIno:    st.Ino,
		Sandboxed:    b.Sandboxed,
	}, nil
}

// link makes the modules that the guest's module imports from.
func (p *program) link(ctx context.Context) error {
	rt := p.engine.Runtime
	memoryModule, err := rt.CompileModule(ctx, memoryBinary(p.module.MemoryPages, p.module.Shared))
	if err != nil {
		return fmt.Errorf("make the memory: %w", err)
	}
	allocator := experimental.MemoryAllocatorFunc(func(uint64, uint64) experimental.LinearMemory {
		return linearMemory{p.process.Memory}
	})
	_, err = rt.InstantiateModule(experimental.WithMemoryAllocator(ctx, allocator), memoryModule,
		wazero.NewModuleConfig().WithName(module.MemoryModule))
	if err != nil {
		return fmt.Errorf("make the memory: %w", err)
	}

	host, support, err := hostModules(rt, &p.module)
	if err != nil {
		return err
	}
	if _, err := host.Instantiate(ctx); err != nil {
		return fmt.Errorf("link the system calls: %w", err)
	}
	instance, err := support.Instantiate(ctx)
	if err != nil {
		return fmt.Errorf("link the support functions: %w", err)
	}
	p.target, err = engine.HostTarget(instance)
	return err
}

// hostModules returns what the modules are made from that m imports functions from.
func hostModules(rt wazero.Runtime, m *module.Module) (host, support wazero.HostModuleBuilder, err error) {
	host = rt.NewHostModuleBuilder(module.Namespace)
	for _, imp := range m.Imports {
		host.NewFunctionBuilder().WithGoFunction(bind(imp), imp.Type.Params, imp.Type.Results).Export(imp.Name)
	}
	support = rt.NewHostModuleBuilder(module.SupportModule)
	// These two come first and second: the engine's codes for calling them
	// hold their indexes.
	support.NewFunctionBuilder().WithGoFunction(api.GoFunc(interrupted), nil, nil).Export("interrupted")
	support.NewFunctionBuilder().WithGoFunction(api.GoFunc(signalled), nil, nil).Export("signalled")
	for _, imp := range m.Support {
		fn, ok := supportFunctions[imp.Name]
		if !ok {
			return nil, nil, fmt.Errorf("no support function %s", imp.Name)
		}
		support.NewFunctionBuilder().WithGoFunction(fn, imp.Type.Params, imp.Type.Results).Export(imp.Name)
	}
	return host, support, nil
}

// makeGlue completes the compiled module of m.
func makeGlue(ctx context.Context, m *module.Module, a *engine.Artifact) error {
	return a.MakeGlue(ctx, m.Stub, func(rt wazero.Runtime) error {
		host, support, err := hostModules(rt, m)
		if err != nil {
			return err
		}
		for _, builder := range []wazero.HostModuleBuilder{host, support} {
			if _, err := builder.Compile(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// bind returns the host function for an import of the module: one of ours if it
// needs the engine, else the ABI layer's.
func bind(imp module.Import) api.GoFunc {
	if fn, ok := engineFunctions[imp.Name]; ok {
		return fn
	}
	fn, _ := wali.Bind(wali.Import{Name: imp.Name, Params: imp.Type.Params, Results: imp.Type.Results})
	return fn
}

// linearMemory hands the reservation to the engine. It never grows: the wasm
// memory has its full size from the start, and what is accessible in it is the
// page map's business.
type linearMemory struct{ *memory.Memory }

func (m linearMemory) Reallocate(size uint64) []byte {
	if size != m.Size() {
		return nil
	}
	return m.Bytes()
}

func (linearMemory) Free() {}

// memoryBinary is a module that defines and exports one memory of fixed size.
func memoryBinary(pages uint32, shared bool) []byte {
	flags := byte(1)
	if shared {
		flags = 3
	}
	limits := append(append([]byte{1, flags}, uleb(pages)...), uleb(pages)...)
	b := []byte("\x00asm\x01\x00\x00\x00")
	b = append(b, 5, byte(len(limits)))
	b = append(b, limits...)
	export := append([]byte{1, byte(len(module.ImportMemory))}, module.ImportMemory...)
	export = append(export, 2, 0)
	b = append(b, 7, byte(len(export)))
	return append(b, export...)
}

func uleb(v uint32) (b []byte) {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// becomeGuest undoes what the Go runtime did to the process and gives it the
// state that the guest is to find.
func (b *bootstrap) becomeGuest(t *thread) error {
	if b.ModuleFD >= 0 {
		unix.Close(b.ModuleFD)
	}
	// Native programs do not get what this helper got, and modules only by Exec.
	b.inheritAll(false)
	confinement, err := b.confinement()
	if err != nil {
		return err
	}
	// Whatever the guest executes, only Exec gives it this.
	if _, err := unix.FcntlInt(uintptr(b.first+ipc.HelperOffset), unix.F_SETFD, unix.FD_CLOEXEC); err != nil && !b.alone {
		return fmt.Errorf("hide the helper's executable: %w", err)
	}
	t.begin()
	// The runtime has left the guest's dispositions alone, see package
	// stagezero. walisup's own runtime has not.
	ignored := stagezero.Ignored() | b.Ignored
	for sig := 1; sig <= 64; sig++ {
		bit := uint64(1) << (sig - 1)
		if b.Ignored&^stagezero.Ignored()&^wali.Unblockable&bit == 0 || sig == int(unix.SIGKILL) || sig == int(unix.SIGSTOP) {
			continue
		}
		if err := setDisposition(sig, sigIgnore); err != nil {
			return fmt.Errorf("ignore signal %d: %w", sig, err)
		}
	}
	if e := t.LimitDescriptors(b.NoFile); e != 0 {
		return fmt.Errorf("set the limit of open files: %w", e)
	}
	for _, limit := range b.Limits {
		if limit.Set {
			t.PutLimit(limit.Resource, wali.Limit{Soft: limit.Soft, Hard: limit.Hard})
		}
	}
	if err := b.confine(t, &confinement); err != nil {
		return err
	}
	if e := t.DropRawIO(); e != 0 {
		return fmt.Errorf("give up CAP_SYS_RAWIO: %w", e)
	}
	t.JudgeInherited()
	name := b.Name
	if name == "" {
		name = filepath.Base(b.Module)
	}
	setThreadName(name)
	mask := stagezero.Mask()
	if b.SetMask {
		mask = b.Mask
	}
	t.InheritIgnored(ignored)
	t.SetSignalMask(mask)
	if b.Ready {
		ready := b.first + ipc.ReadyOffset
		unix.Send(ready, []byte{1}, unix.MSG_NOSIGNAL) // nobody may be there to hear it
		unix.Close(ready)
	}
	return nil
}
