package ipc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Boot is what a helper must know before it runs a module.
type Boot struct {
	// Module is the absolute path of the module, for messages and for the
	// guest's /proc/self/exe.
	Module string

	// Name is the file name that the program was called by, for ps; empty for
	// that of Module.
	Name string

	// ModuleFD is the number of the open module in the helper, or -1 if the
	// helper has to open Module itself.
	ModuleFD int

	// CacheDir is the directory of compiled modules, empty for none. Whoever wrote
	// the record has checked that no other user can write there; the reader, who
	// runs code out of it, checks again.
	CacheDir string

	// Code says that the code service's socket is open as descriptor CodeOffset: a
	// guest that is confined has its compiled modules from there, and no CacheDir.
	Code bool

	// CacheShared says that CacheDir is a container's: others own it, and it is the directory
	// CacheDev, CacheIno (stat(2)) on a mount that cannot be written to.
	CacheShared        bool
	CacheDev, CacheIno uint64

	KeepDebug   bool // keep .debug_* sections, for line numbers in reports
	PlainTables bool // leave call_indirect as it is: no adapters for cast function pointers
	NativeExec  bool // execve may start native programs
	Progress    bool // standard error is a terminal: say so if compiling takes long
	CompileOnly bool // fill the cache and exit 0 without running the module
	ListAdapted bool // list on standard error which function pointers were adapted
	Compiled    bool // the compiled module is open as descriptor EntryOffset
	Ready       bool // say on descriptor ReadyOffset when the guest runs
	PerfMap     bool // write a map of the compiled functions for perf
	OnlyWazero  bool // do without native code, even if the cache has some
	NeedNative  bool // do not run without native code

	// Ignored has bit n-1 set for each signal n that the guest is to start with
	// set to SIG_IGN.
	Ignored uint64

	// Mask is the guest's initial signal mask, bit n-1 for signal n. It is valid
	// only if SetMask is true; otherwise the mask that the helper process was
	// started with counts.
	Mask    uint64
	SetMask bool

	// NoFile is the guest's soft RLIMIT_NOFILE; 0 for the first reserved descriptor.
	NoFile uint64

	// Spare is where the private range may move, SpareReserved; 0 for nowhere.
	Spare int

	// Trace is a TraceConfig as text if the guest is traced from the start: the
	// pipe for its records is then open as descriptor TraceOffset.
	Trace string

	// Report says that descriptor ReportOffset is open for what the helper has to say.
	// It is the standard error that the first helper was started with: what the guest
	// has as its own may be a file of its own. Without it the helper says nothing.
	Report bool

	// Sandboxed says that the process is in a sandbox already: it comes from one whose
	// Confine had a Sandbox.
	Sandboxed bool

	// Confine is a Confinement as text, which the helper carries out.
	Confine string

	// Layers are the modules that stand between the module and the system calls, that
	// which is nearest to the module first. The file of each is open as descriptor
	// LayerOffset plus the number of layers below it: its compiled form if Compiled is set,
	// the module itself otherwise.
	Layers []Layer

	// WASI are none or one layer that is put on top of the others when a WASI module is
	// executed and none of them serves it. Its module is open as descriptor WASIOffset.
	WASI []Layer

	// Role is what Module is compiled for.
	Role Role

	// Limits are the guest's resource limits that the kernel is not told of.
	Limits [4]Limit

	// Channel says that the channel to the supervisor is open as descriptor
	// ChannelOffset, and Slot and Generation which of its slots the process has:
	// channel.Ref. Without one they are 0.
	Channel          bool
	Slot, Generation uint32
}

// Names of engines, as in flags and records; empty is any.
const (
	EngineAuto   = "auto"
	EngineWazero = "wazero"
	EngineNative = "native"
)

// Engine is the name of the engine that OnlyWazero and NeedNative stand for, empty for any.
func (b *Boot) Engine() string {
	switch {
	case b.OnlyWazero:
		return EngineWazero
	case b.NeedNative:
		return EngineNative
	}
	return ""
}

// SetEngine sets OnlyWazero and NeedNative by an engine's name.
func (b *Boot) SetEngine(name string) error {
	switch name {
	case "", EngineAuto, EngineWazero, EngineNative:
		b.OnlyWazero, b.NeedNative = name == EngineWazero, name == EngineNative
		return nil
	}
	return fmt.Errorf("no engine %q: there are auto, wazero and native", name)
}

// Limit is a resource limit of getrlimit(2), if Set.
type Limit struct {
	Set        bool
	Resource   int32
	Soft, Hard uint64
}

// Layout of an encoded record, all values little-endian:
//
//	 0  u32  magic "WLSB"
//	 4  u16  version
//	 6  u16  role
//	 8  u32  size of the whole record in bytes
//	12  u32  flags
//	16  i32  module descriptor
//	20  u32  spare place of the private range
//	24  u64  ignored signals
//	32  u64  signal mask
//	40  u64  soft RLIMIT_NOFILE
//	48       4 limits: u32 resource, u32 1 if set, u64 soft, u64 hard
//	144 u32  slot of the channel
//	148 u32  generation of the slot
//	152 u64  device of a shared cache
//	160 u64  inode of a shared cache
//	168      module path, cache directory, name, trace, confinement, layers, the layer for WASI:
//	         each u32 length and its bytes
const (
	bootMagic   = 0x42534c57 // "WLSB"
	bootVersion = 10
	bootLimits  = 48
	bootLimit   = 24
	bootSlot    = bootLimits + 4*bootLimit
	bootCache   = bootSlot + 8
	bootFixed   = bootCache + 16

	// MaxBoot is the largest size of an encoded boot record in bytes.
	MaxBoot = 128<<10 + 2*maxLayersText

	// maxBootPath is PATH_MAX, which counts the NUL that we do not store.
	maxBootPath = 4095

	// maxConfine is room for two seccomp filters of the kernel's largest size, and
	// some paths.
	maxConfine = 104 << 10
)

const (
	flagKeepDebug = 1 << iota
	flagPlainTables
	flagNativeExec
	flagProgress
	flagCompileOnly
	flagListAdapted
	flagSetMask
	flagCompiled
	flagChannel
	flagReady
	flagPerfMap
	flagReport
	flagCode
	flagSandboxed
	flagCacheShared
	flagOnlyWazero
	flagNeedNative

	flagsKnown = 1<<iota - 1
)

// ErrBoot is the error that every failure to read or write a boot record wraps.
var ErrBoot = errors.New("bad boot record")

// flags pairs each flag bit with its field, for both directions.
func (b *Boot) flags() [17]struct {
	bit   uint32
	field *bool
} {
	return [...]struct {
		bit   uint32
		field *bool
	}{
		{flagKeepDebug, &b.KeepDebug},
		{flagPlainTables, &b.PlainTables},
		{flagNativeExec, &b.NativeExec},
		{flagProgress, &b.Progress},
		{flagCompileOnly, &b.CompileOnly},
		{flagListAdapted, &b.ListAdapted},
		{flagSetMask, &b.SetMask},
		{flagCompiled, &b.Compiled},
		{flagChannel, &b.Channel},
		{flagReady, &b.Ready},
		{flagPerfMap, &b.PerfMap},
		{flagReport, &b.Report},
		{flagCode, &b.Code},
		{flagSandboxed, &b.Sandboxed},
		{flagCacheShared, &b.CacheShared},
		{flagOnlyWazero, &b.OnlyWazero},
		{flagNeedNative, &b.NeedNative},
	}
}

// strings are the fields at the end of the record, in their order there.
func (b *Boot) strings(layers, wasi *string) [7]*string {
	return [...]*string{&b.Module, &b.CacheDir, &b.Name, &b.Trace, &b.Confine, layers, wasi}
}

// MarshalBinary encodes the record. It fails if a path is too long or holds a
// NUL, or the module descriptor is out of range.
func (b *Boot) MarshalBinary() ([]byte, error) {
	layers, wasi := encodeLayers(b.Layers), encodeLayers(b.WASI)
	if err := b.check(&layers, &wasi); err != nil {
		return nil, err
	}
	var flags uint32
	for _, f := range b.flags() {
		if *f.field {
			flags |= f.bit
		}
	}
	size := bootFixed
	for _, s := range b.strings(&layers, &wasi) {
		size += 4 + len(*s)
	}
	le := binary.LittleEndian
	out := make([]byte, 0, size)
	out = le.AppendUint32(out, bootMagic)
	out = le.AppendUint16(out, bootVersion)
	out = le.AppendUint16(out, uint16(b.Role))
	out = le.AppendUint32(out, uint32(size))
	out = le.AppendUint32(out, flags)
	out = le.AppendUint32(out, uint32(int32(b.ModuleFD)))
	out = le.AppendUint32(out, uint32(b.Spare))
	out = le.AppendUint64(out, b.Ignored)
	out = le.AppendUint64(out, b.Mask)
	out = le.AppendUint64(out, b.NoFile)
	for _, l := range b.Limits {
		var set uint32
		if l.Set {
			set = 1
		}
		out = le.AppendUint32(out, uint32(l.Resource))
		out = le.AppendUint32(out, set)
		out = le.AppendUint64(out, l.Soft)
		out = le.AppendUint64(out, l.Hard)
	}
	out = le.AppendUint32(out, b.Slot)
	out = le.AppendUint32(out, b.Generation)
	out = le.AppendUint64(out, b.CacheDev)
	out = le.AppendUint64(out, b.CacheIno)
	for _, s := range b.strings(&layers, &wasi) {
		out = le.AppendUint32(out, uint32(len(*s)))
		out = append(out, *s...)
	}
	return out, nil
}

// UnmarshalBinary decodes a record that anyone may have written. The record's
// strings are copies: data may change afterwards.
func (b *Boot) UnmarshalBinary(data []byte) error {
	le := binary.LittleEndian
	if len(data) < bootFixed || len(data) > MaxBoot {
		return fmt.Errorf("%w: %d bytes, want %d to %d", ErrBoot, len(data), bootFixed, MaxBoot)
	}
	if magic := le.Uint32(data); magic != bootMagic {
		return fmt.Errorf("%w: magic %#x, want %#x", ErrBoot, magic, bootMagic)
	}
	if version := le.Uint16(data[4:]); version != bootVersion {
		return fmt.Errorf("%w: version %d, want %d (walisup and walisup-helper come from different builds)",
			ErrBoot, version, bootVersion)
	}
	if size := le.Uint32(data[8:]); uint64(size) != uint64(len(data)) {
		return fmt.Errorf("%w: says it has %d bytes, has %d", ErrBoot, size, len(data))
	}
	flags := le.Uint32(data[12:])
	if unknown := flags &^ flagsKnown; unknown != 0 {
		return fmt.Errorf("%w: unknown flags %#x", ErrBoot, unknown)
	}
	got := Boot{
		Role:     Role(le.Uint16(data[6:])),
		ModuleFD: int(int32(le.Uint32(data[16:]))),
		Spare:    int(int32(le.Uint32(data[20:]))),
		Ignored:  le.Uint64(data[24:]),
		Mask:     le.Uint64(data[32:]),
		NoFile:   le.Uint64(data[40:]),

		Slot:       le.Uint32(data[bootSlot:]),
		Generation: le.Uint32(data[bootSlot+4:]),

		CacheDev: le.Uint64(data[bootCache:]),
		CacheIno: le.Uint64(data[bootCache+8:]),
	}
	for _, f := range got.flags() {
		*f.field = flags&f.bit != 0
	}
	for i := range got.Limits {
		at := data[bootLimits+i*bootLimit:]
		if set := le.Uint32(at[4:]); set > 1 {
			return fmt.Errorf("%w: limit %d is neither set nor not (%d)", ErrBoot, i, set)
		}
		got.Limits[i] = Limit{
			Resource: int32(le.Uint32(at)), Set: at[4] == 1,
			Soft: le.Uint64(at[8:]), Hard: le.Uint64(at[16:]),
		}
	}
	rest := data[bootFixed:]
	var layers, wasi string
	for _, s := range got.strings(&layers, &wasi) {
		if len(rest) < 4 {
			return fmt.Errorf("%w: %d bytes left where a length is due", ErrBoot, len(rest))
		}
		n := le.Uint32(rest)
		rest = rest[4:]
		if uint64(n) > uint64(len(rest)) {
			return fmt.Errorf("%w: string of %d bytes, %d are left", ErrBoot, n, len(rest))
		}
		*s = string(rest[:n])
		rest = rest[n:]
	}
	if len(rest) != 0 {
		return fmt.Errorf("%w: %d bytes after its end", ErrBoot, len(rest))
	}
	if err := got.check(&layers, &wasi); err != nil {
		return err
	}
	var err error
	if got.Layers, err = decodeLayers(layers); err != nil {
		return err
	}
	if got.WASI, err = decodeLayers(wasi); err != nil {
		return err
	}
	if err := got.checkWASI(); err != nil {
		return err
	}
	*b = got
	return nil
}

// check holds for what is written and for what is read.
func (b *Boot) check(layers, wasi *string) error {
	if !b.Role.Known() {
		return fmt.Errorf("%w: role %d", ErrBoot, b.Role)
	}
	if len(b.Layers) > MaxLayers {
		return fmt.Errorf("%w: %d layers, at most %d are possible", ErrBoot, len(b.Layers), MaxLayers)
	}
	if b.ModuleFD < -1 || b.ModuleFD > math.MaxInt32 {
		return fmt.Errorf("%w: module descriptor %d", ErrBoot, b.ModuleFD)
	}
	if b.Spare != 0 && (b.Spare < lowestReserved || b.Spare > maxReserved) {
		return fmt.Errorf("%w: spare descriptors at %d", ErrBoot, b.Spare)
	}
	if err := b.checkWASI(); err != nil {
		return err
	}
	for _, p := range b.strings(layers, wasi) {
		most := maxBootPath
		switch p {
		case &b.Confine:
			most = maxConfine
		case layers, wasi:
			most = maxLayersText
		}
		if len(*p) > most {
			return fmt.Errorf("%w: %d bytes where at most %d are possible", ErrBoot, len(*p), most)
		}
		if strings.IndexByte(*p, 0) >= 0 {
			return fmt.Errorf("%w: path with a NUL byte", ErrBoot)
		}
		if (p == &b.Module || p == &b.CacheDir) && *p != "" && (*p)[0] != '/' {
			return fmt.Errorf("%w: path %q is not absolute", ErrBoot, *p)
		}
	}
	return nil
}

func (b *Boot) checkWASI() error {
	if len(b.WASI) > 1 {
		return fmt.Errorf("%w: %d layers for WASI", ErrBoot, len(b.WASI))
	}
	return nil
}
