package helper

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"walisup/helper/engine"
	"walisup/helper/module"
	"walisup/ipc"
	"walisup/ipc/cache"
	"walisup/ipc/stagezero"
	"walisup/wali"
	"walisup/wali/memory"
)

// layer is a module between the application and the system calls; see layer.go.
type layer struct {
	program
	place  int // in the stack, 0 being nearest to the application
	memory *memory.Memory
	args   []string
}

// layerBase is where the memory of a layer lies that has a number of others below it.
func layerBase(below int) uintptr {
	return stagezero.LayersBase + uintptr(below)*stagezero.LayerStride
}

// loadLayers makes the layers of the boot record, whose compiled form entries has, ready to
// be instantiated.
func (p *program) loadLayers(ctx context.Context, entries []*cache.Entry) error {
	b := p.boot
	stagezero.ReleaseLayers(layerBase(len(entries)))
	for place, entry := range entries {
		of := b.Layers[place]
		l := &layer{place: place, args: of.Args, program: program{
			name: of.Path, names: entry.Names, lines: entry.Lines, engine: p.engine, boot: b, process: p.process,
		}}
		if err := l.prepare(entry); err != nil {
			return fmt.Errorf("layer %s: %w", l.name, err)
		}
		p.layers = append(p.layers, l)
	}
	for _, l := range slices.Backward(p.layers) {
		below := p.layers[l.place+1:]
		resolve := func(imp module.Import) (engine.HostFunc, error) { return l.resolve(below, imp) }
		if err := l.load(ctx, entries[l.place], l.memory, resolve); err != nil {
			return fmt.Errorf("layer %s: %w", l.name, err)
		}
	}
	return nil
}

// prepare makes the layer's memory.
func (l *layer) prepare(entry *cache.Entry) (err error) {
	if err := l.module.UnmarshalBinary(entry.Meta); err != nil {
		return fmt.Errorf("%w; clear the compile cache %s", err, l.boot.CacheDir)
	}
	l.memory, err = l.reserve(layerBase(l.boot.Below(l.place)), stagezero.LayersReserved() && stagezero.LayerStride >= memory.FixedSpan)
	return err
}

// layerEntries returns the compiled forms of all layers.
func (b *bootstrap) layerEntries() (entries []*cache.Entry, err error) {
	for place := range b.Layers {
		entry, err := b.layerEntry(place)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// layerEntry returns the compiled form of the layer at a place. If the boot record comes
// from walisup the layer's descriptor is its module, and becomes its compiled form, which
// stays open for helpers that this one executes.
func (b *bootstrap) layerEntry(place int) (*cache.Entry, error) {
	l := b.Layers[place]
	slot := b.first + ipc.LayerOffset + b.Below(place)
	if b.Compiled {
		entry, err := cache.Map(slot)
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", l.Path, err)
		}
		return entry, nil
	}
	compiled, err := b.ofLayer(place).compiledLayer()
	if err != nil {
		var e *exitError
		if errors.As(err, &e) {
			return nil, &exitError{e.status, fmt.Errorf("layer %w", e.err)}
		}
		return nil, fmt.Errorf("layer %w", err)
	}
	if b.Code {
		// What stays open in a confined guest leads to no file that others trust.
		copied, err := cache.SealedCopy(compiled.fd)
		unix.Close(compiled.fd)
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", l.Path, err)
		}
		compiled.fd = copied
	}
	err = unix.Dup3(compiled.fd, slot, 0)
	unix.Close(compiled.fd)
	if err != nil {
		return nil, fmt.Errorf("layer %s: keep the compiled module: %w", l.Path, err)
	}
	return compiled.Entry, nil
}

// ofLayer is b for the module of a layer, as walisup has handed that on.
func (b *bootstrap) ofLayer(place int) *bootstrap {
	order, below := *b.Boot, b.Below(place)
	order.Module, order.ModuleFD, order.Role = b.Layers[place].Path, b.first+ipc.LayerOffset+below, ipc.RoleLayer(below)
	return &bootstrap{Boot: &order, first: b.first, build: b.build, alone: b.alone}
}

// openEntry is a compiled module that is mapped, and its file.
type openEntry struct {
	*cache.Entry
	fd int
}

// compiledLayer opens the compiled form of b's module, which another process compiles if
// the cache does not have it.
func (b *bootstrap) compiledLayer() (compiled openEntry, err error) {
	f, closeModule, err := b.openModule()
	if err != nil {
		return compiled, err
	}
	defer closeModule()
	var dir *cache.Dir
	if b.CacheDir != "" {
		if dir, err = b.openCache(); err != nil {
			return compiled, err
		}
		defer dir.Close()
	}
	mapped := func(fd int) (openEntry, error) {
		entry, err := cache.Map(fd)
		if err != nil {
			unix.Close(fd)
		}
		return openEntry{entry, fd}, err
	}
	compiled, err = fetch(b, &f, dir, fetcher[openEntry]{
		open: func(dir *cache.Dir, key cache.Key) (openEntry, error) {
			fd, err := dir.Open(key)
			if err != nil {
				return openEntry{}, cache.ErrAbsent
			}
			return mapped(fd)
		},
		compile: func(result int) error {
			if b.alone {
				return b.compileHere(&f, result)
			}
			return b.runCompiler(result)
		},
		take: mapped,
	})
	if errors.Is(err, cache.ErrAbsent) {
		return compiled, fmt.Errorf("%s: the compiling helper left no result", b.Module)
	}
	return compiled, b.moduleError(err)
}

// provider finds the layer among some that provides a function, by the name of its export.
func provider(layers []*layer, name string) (l *layer, e *module.Export) {
	for _, l := range layers {
		for i := range l.module.Exports {
			if e := &l.module.Exports[i]; e.Name == name {
				return l, e
			}
		}
	}
	return nil, nil
}

// checkTypes says whether an import has the type of what a layer provides for it.
func checkTypes(importer string, l *layer, e *module.Export, t module.FunctionType) error {
	if string(e.Type.Params) == string(t.Params) && string(e.Type.Results) == string(t.Results) {
		return nil
	}
	return fmt.Errorf("the layer %s provides %s as %s, but %s imports it as %s",
		filepath.Base(l.name), e.Name, e.Type, filepath.Base(importer), t)
}

// bindImport returns the host function for an import of the application: a layer's, or our
// own.
func (p *program) bindImport(imp module.Import) (engine.HostFunc, error) {
	name := imp.Module + "." + imp.Name
	if l, e := provider(p.layers, name); l != nil {
		if err := checkTypes(p.name, l, e, imp.Type); err != nil {
			return nil, err
		}
		return layerCall{l, e.Name, e.Type}.fromApplication(), nil
	}
	if imp.Module != module.Namespace {
		return nil, notProvided(p.name, imp)
	}
	return hostFunction(imp), nil
}

func notProvided(importer string, imp module.Import) error {
	return notRunnable(importer, fmt.Errorf("it imports %s.%s %s, which no layer provides", imp.Module, imp.Name, imp.Type))
}

// resolve returns the host function for an import of the layer, given the layers below it.
func (l *layer) resolve(below []*layer, imp module.Import) (engine.HostFunc, error) {
	caller := func(t *wali.Thread) *memory.Memory { return t.Helper.(*thread).layers[l.place].caller }
	own := func(*wali.Thread) *memory.Memory { return l.memory }
	ofCaller := imp.Module == callerNamespace
	name, which := imp.Module+"."+imp.Name, own
	if ofCaller {
		if fn, ok := wali.CallerCopies(caller)[imp.Name]; ok {
			return copyOf(fn, imp)
		}
		name, which = module.Namespace+"."+imp.Name, caller
	}
	if lower, e := provider(below, name); lower != nil {
		if err := checkTypes(l.name, lower, e, imp.Type); err != nil {
			return nil, err
		}
		return layerCall{lower, e.Name, e.Type}.fromLayer(which), nil
	}
	isCall := strings.HasPrefix(imp.Name, "SYS_")
	switch {
	case ofCaller && isCall:
		fn, _ := wali.Bind(walImport(imp))
		return wali.InMemory(fn, caller), nil
	case ofCaller || imp.Module != module.Namespace:
		return nil, notProvided(l.name, imp)
	case imp.Name == module.ImportThreadSpawn:
		return nil, fmt.Errorf("it starts threads (%s), which a layer cannot", imp.Name)
	}
	if fn, ok := engineFunctions[imp.Name]; ok {
		return fn, nil
	}
	fn, _ := wali.BindLayer(walImport(imp))
	return fn, nil
}

// callerNamespace has the functions that are about the memory of a layer's caller.
const callerNamespace = "app"

func walImport(imp module.Import) wali.Import {
	return wali.Import{Name: imp.Name, Params: imp.Type.Params, Results: imp.Type.Results}
}

// copyOf checks the type of an import that copies between memories.
func copyOf(fn engine.HostFunc, imp module.Import) (engine.HostFunc, error) {
	want := module.FunctionType{Params: []byte{module.I32, module.I32, module.I32}, Results: []byte{module.I32}}
	if string(want.Params) != string(imp.Type.Params) || string(want.Results) != string(imp.Type.Results) {
		return nil, fmt.Errorf("it imports %s.%s as %s instead of %s", imp.Module, imp.Name, imp.Type, want)
	}
	return fn, nil
}
