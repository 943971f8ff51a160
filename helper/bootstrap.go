package helper

import (
	"errors"
	"fmt"

	"walisup/helper/engine"
	"walisup/helper/engine/native"
	"walisup/helper/engine/wazero"
	"walisup/helper/module"
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

// openCache opens the cache directory. The caller closes it.
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

// options are those of preparing the module for what it is to be.
func (b *bootstrap) options() module.Options {
	o := module.Options{KeepDebug: b.KeepDebug, PlainTables: b.PlainTables, Foreign: b.Role != ipc.RoleAlone}
	if below, ok := b.Role.Layer(); ok {
		o.Layer, o.MemoryBase = true, uint64(layerBase(below))
	}
	return o
}

// compiler is the engine that helpers compile with.
func (b *bootstrap) compiler() engine.Engine { return wazero.Engine{} }

// engine is what runs the module that entry is the compiled form of.
func (b *bootstrap) engine(entry *cache.Entry) (engine.Engine, error) {
	switch {
	case native.Runs(entry.Head):
		return native.Engine{}, nil
	case b.NeedNative:
		return nil, fmt.Errorf("%s: the cache has no native code for it: make some by walisup compile --native, or start it with --engine auto", b.Module)
	}
	return wazero.Engine{}, nil
}

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
	return cache.Context{Build: b.build, KeepDebug: b.KeepDebug, PlainTables: b.PlainTables, OnlyWazero: b.OnlyWazero, Role: b.Role}
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
