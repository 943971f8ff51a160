package supervisor

import (
	"cmp"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/ipc/stagezero"
	"walisup/supervisor/forkexec"
	"walisup/supervisor/isolation"
	"walisup/supervisor/proctree"
)

// launch is what it takes to start one helper. Its descriptors are closed when that is
// done.
type launch struct {
	spec   *Spec
	module int   // the module, readable
	layers []int // the modules of the layers, likewise
	wasi   int   // the module of boot.WASI, likewise; -1 for none
	helper int   // the helper program; O_PATH
	first  int   // of the helper's private range of descriptors
	ready  int   // the helper's end of Guest.ready, if the guest has a session of its own
	code   int   // a socket of the code service, if the guest is confined
	boot   ipc.Boot
	around forkexec.Surroundings
}

// launch starts the guest's first process. Tree and cgroups are the guest's even if it
// fails.
func (g *Guest) launch(spec *Spec, helperReady int) error {
	if spec.Inherited == nil && !stagezero.Active() { // nobody knows what there was to inherit
		return failed(ExitOwn, "this walisup was linked without its entry point; build it with make")
	}
	l := &launch{spec: spec, module: -1, wasi: -1, helper: -1, code: -1, ready: -1, boot: spec.Boot}
	defer l.close()
	if spec.Session != nil {
		l.ready = helperReady
		l.around = forkexec.Surroundings{Session: true, Terminal: spec.Session.Terminal, Streams: &spec.Session.Streams}
	}
	if err := l.open(); err != nil {
		return err
	}
	confinement, err := confinementOf(&l.boot)
	if err != nil {
		return failed(ExitOwn, "%s: %w", spec.Module, err)
	}
	isolated := confinement.Isolates(unix.Geteuid())
	if isolated {
		if err := l.confine(confinement); err != nil {
			return failed(ExitOwn, "%w", err)
		}
	}
	if err := g.prepare(l); err != nil {
		return err
	}
	if isolated {
		if l.code, err = startCode(confinement, l, g); err != nil {
			return failed(ExitOwn, "%s: %w", spec.Module, err)
		}
	}
	private, err := l.private(g)
	if err != nil {
		return failed(ExitOwn, "%s: %w", spec.Module, err)
	}
	defer unix.Close(private[ipc.BootOffset])
	argv := append([]string{cmp.Or(spec.Argv0, spec.Module)}, spec.Args...)
	g.pid, err = forkexec.Start(l.first, private, argv, spec.Env, spec.Dir, &l.around)
	g.objects.Release()
	if err != nil {
		return startError(spec.Module, err)
	}
	return nil
}

func (l *launch) close() {
	for _, fd := range append(l.layers, l.module, l.wasi, l.helper, l.code) {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// open opens what the spec names, and completes the boot record but for what the tree
// and the code service add.
func (l *launch) open() (err error) {
	spec, boot := l.spec, &l.boot
	if l.module, boot.Module, err = openModule(spec.Module); err != nil {
		return err
	}
	if boot.Layers, l.layers, err = openLayers(spec.Boot.Layers); err != nil {
		return err
	}
	if len(l.layers) > 0 {
		boot.Role = ipc.RoleLayered
	}
	l.findWASI()
	if l.helper, err = openHelper(spec.Helper); err != nil {
		return err
	}
	if spec.Dir != "" {
		if err := checkDir(spec.Dir); err != nil {
			return err
		}
	}
	inherited := InheritedNow()
	if spec.Inherited != nil {
		inherited = *spec.Inherited
	}
	l.first = ipc.FirstReserved(cmp.Or(spec.Files, ipc.DefaultFiles), inherited.NoFile[1])
	boot.ModuleFD = l.first + ipc.ModuleOffset
	boot.Ignored = inherited.Ignored
	boot.Mask, boot.SetMask = inherited.Mask, true
	boot.NoFile = inherited.NoFile[0]
	boot.Spare = ipc.SpareReserved(l.first, inherited.NoFile[1])
	if spec.Files != 0 {
		boot.NoFile = uint64(l.first)
	}
	boot.Ready = l.ready >= 0
	if spec.Trace != nil {
		text, err := spec.Trace.MarshalText()
		if err != nil {
			return failed(ExitOwn, "%s: %w", spec.Module, err)
		}
		boot.Trace = string(text)
	}
	return nil
}

// findWASI opens the layer for WASI modules that the guest executes. Without it these cannot
// be executed.
func (l *launch) findWASI() {
	l.boot.WASI = nil
	path := SuppliedLayer(ipc.WASILayer)
	if path == "" || l.boot.CompileOnly {
		return
	}
	fd, resolved, err := openModule(path)
	if err == nil {
		l.wasi, l.boot.WASI = fd, []ipc.Layer{{Path: resolved, Args: []string{ipc.WASILayer}}}
	}
}

// sealWASI puts a sealed copy in the place of the layer for WASI modules: a confined guest is to
// have no descriptor that leads to a file which others trust.
func (l *launch) sealWASI() {
	if l.wasi < 0 {
		return
	}
	sealed, err := cache.SealedCopy(l.wasi)
	unix.Close(l.wasi)
	l.wasi = sealed
	if err != nil {
		l.wasi, l.boot.WASI = -1, nil
	}
}

// confine keeps what a confined guest is not to have out of its reach.
func (l *launch) confine(c *ipc.Confinement) error {
	l.boot.Code = true
	l.around.Confined, l.around.Preserved = true, l.spec.Preserved
	if err := checkInherited(c, &l.around); err != nil {
		return err
	}
	protected, err := protect(l.helper, c)
	if err != nil {
		return err
	}
	l.sealWASI()
	unix.Close(l.helper)
	l.helper = protected
	return nil
}

// prepare makes what the guest's processes run in.
func (g *Guest) prepare(l *launch) (err error) {
	spec, number := l.spec, l.first+ipc.ChannelOffset
	if g.tree == nil {
		g.tree = proctree.New(spec.Name, l.helper, number)
	} else if spec.Isolation.Join == 0 {
		g.tree.SetHelper(l.helper, number) // a copy is another file each time
	}
	g.slot = g.tree.Claim(l.boot.Module)
	g.claimed = true
	if g.objects, err = isolation.Prepare(spec.Isolation); err != nil {
		return failed(ExitOwn, "%w", err)
	}
	l.around.Enter = g.objects.Enter
	return nil
}

// private writes the boot record and returns what is in the helper's private range of
// descriptors, by offset. The record is the caller's to close.
func (l *launch) private(g *Guest) (map[int]int, error) {
	boot, standardError := &l.boot, l.around.StandardError()
	boot.Report = standardError >= 0
	boot.Channel = g.tree.FD() >= 0
	boot.Slot, boot.Generation = g.slot.Slot, g.slot.Generation
	private := map[int]int{ipc.HelperOffset: l.helper, ipc.ModuleOffset: l.module}
	for i, fd := range l.layers {
		private[ipc.LayerOffset+boot.Below(i)] = fd
	}
	if len(boot.WASI) > 0 {
		private[ipc.WASIOffset] = l.wasi
	}
	if boot.Channel {
		private[ipc.ChannelOffset] = g.tree.FD()
	}
	if boot.Ready {
		private[ipc.ReadyOffset] = l.ready
	}
	if boot.Report {
		private[ipc.ReportOffset] = standardError
	}
	if boot.Code {
		private[ipc.CodeOffset] = l.code
	}
	if boot.Trace != "" {
		private[ipc.TraceOffset] = l.spec.TracePipe
	} else if boot.Channel {
		pipe, err := g.tree.TracePipe()
		if err != nil {
			return nil, err
		}
		private[ipc.TraceOffset] = pipe
	}
	var err error
	private[ipc.BootOffset], err = ipc.WriteBoot(boot)
	return private, err
}
