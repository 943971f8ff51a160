package helper

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"walisup/helper/duplicate"
	"walisup/helper/engine"
	"walisup/helper/interrupt"
	"walisup/helper/module"
	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/ipc/stagezero"
	"walisup/wali"
	"walisup/wali/kernel/abi"
	"walisup/wali/memory"
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
	p := &program{name: b.Module, names: entry.Names, lines: entry.Lines, engine: b.engine(), boot: b}
	if err := p.module.UnmarshalBinary(entry.Meta); err != nil {
		return fmt.Errorf("%s: %w; clear the compile cache %s", b.Module, err, b.CacheDir)
	}
	ctx := context.Background()
	if b.PerfMap {
		if err := b.anonymousCode(entry); err != nil {
			return err
		}
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
	p.code, err = p.engine.Load(ctx, &p.module, &engine.Artifact{
		Head: entry.Head, Code: entry.Code, Tail: entry.Tail, Index: entry.Index, Glue: entry.Glue,
	}, host(mem))
	if err != nil {
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
	t.call(t.instance.Function(module.ExportInit))
	t.call(t.instance.Function(module.ExportStart))
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

// host is what the module is linked to.
func host(mem *memory.Memory) *engine.Host {
	return &engine.Host{
		Function: hostFunction, Support: func(imp module.Import) engine.HostFunc { return supportFunctions[imp.Name] },
		Interrupted: interrupted, Pending: signalled, Memory: mem.Bytes(),
	}
}

// hostFunction returns the host function for an import of the module: one of ours if it
// needs the engine, else the ABI layer's.
func hostFunction(imp module.Import) engine.HostFunc {
	if fn, ok := engineFunctions[imp.Name]; ok {
		return fn
	}
	fn, _ := wali.Bind(wali.Import{Name: imp.Name, Params: imp.Type.Params, Results: imp.Type.Results})
	return fn
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
		if err := setDisposition(sig, abi.SigIgnore); err != nil {
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
