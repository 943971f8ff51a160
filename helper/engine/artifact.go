package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// Features are the WebAssembly features that modules may use.
const Features = api.CoreFeaturesV2 | experimental.CoreFeaturesThreads |
	experimental.CoreFeaturesTailCall | experimental.CoreFeaturesExceptionHandling |
	experimental.CoreFeaturesExtendedConst

// Artifact is a compiled module as the engine writes it to its cache, taken
// apart so that the code can be mapped by itself.
type Artifact struct {
	Head []byte // version and function offsets
	Code []byte
	Tail []byte // what follows the code and its checksum
	Glue Glue

	// Sources maps code to the module it was compiled from, by rising Code. It
	// is empty unless the module was compiled with debug information.
	Sources []Source
}

// Source says that the machine code from offset Code on comes from the
// instruction at Module, in bytes from the beginning of the code section's
// content.
type Source struct{ Code, Module uint64 }

// Compile compiles a prepared module. debug asks for Artifact.Sources, which the
// module must have debug information for.
func Compile(ctx context.Context, module []byte, workers int, debug bool) (*Artifact, error) {
	f := &feed{}
	rt, err := newRuntime(ctx, f, debug)
	if err != nil {
		return nil, err
	}
	defer rt.Close(ctx)
	if _, err := rt.CompileModule(experimental.WithCompilationWorkers(ctx, workers), module); err != nil {
		return nil, err
	}
	if f.added == nil {
		return nil, errors.New("the engine compiled nothing")
	}
	return split(f.added)
}

// split takes the engine's cache entry apart: magic (6), version (1+n), number
// of functions (4), their offsets (8 each), code size (8), code, checksum (4),
// the rest.
func split(entry []byte) (*Artifact, error) {
	const magicSize = 6
	bad := errors.New("the engine's cache entry has an unknown form")
	if len(entry) < magicSize+1 {
		return nil, bad
	}
	p := magicSize + 1 + int(entry[magicSize])
	if len(entry) < p+4 {
		return nil, bad
	}
	p += 4 + 8*int(binary.LittleEndian.Uint32(entry[p:]))
	if len(entry) < p+8 {
		return nil, bad
	}
	size := binary.LittleEndian.Uint64(entry[p:])
	if uint64(len(entry)-p-8) < size+4 {
		return nil, bad
	}
	code := entry[p+8:][:size]
	sum := binary.LittleEndian.Uint32(entry[p+8+int(size):])
	if crc32.Checksum(code, crc32.MakeTable(crc32.Castagnoli)) != sum {
		return nil, bad
	}
	a := &Artifact{Head: entry[:p], Code: code, Tail: entry[p+8+int(size)+4:]}
	if err := a.splitSources(); err != nil {
		return nil, err
	}
	return a, nil
}

// splitSources takes the source map out of the tail: a flag, the number of
// entries (8), and for each an offset in the module and one in the code.
func (a *Artifact) splitSources() error {
	if len(a.Tail) == 0 || a.Tail[0] == 0 {
		return nil
	}
	bad := errors.New("the engine's source map has an unknown form")
	if len(a.Tail) < 9 {
		return bad
	}
	n := binary.LittleEndian.Uint64(a.Tail[1:])
	rest := a.Tail[9:]
	if n > uint64(len(rest))/16 {
		return bad
	}
	for i := range n {
		entry := rest[16*i:]
		a.Sources = append(a.Sources, Source{
			Module: binary.LittleEndian.Uint64(entry), Code: binary.LittleEndian.Uint64(entry[8:])})
	}
	a.Tail = append([]byte{0}, rest[16*n:]...)
	return nil
}

// placeholder stands in for the code in the entry that Load feeds to the
// engine: breakpoint instructions, replaced before anything runs.
var placeholder = bytes.Repeat([]byte{0xcc}, 16)

// placeholderSum is its CRC-32C, whose tables would take longer to make than all
// else that Load does. Load fails if it is wrong.
const placeholderSum = 0x645114e8

func (a *Artifact) withPlaceholder() []byte {
	entry := make([]byte, 0, len(a.Head)+8+len(placeholder)+4+len(a.Tail))
	entry = append(entry, a.Head...)
	entry = binary.LittleEndian.AppendUint64(entry, uint64(len(placeholder)))
	entry = append(entry, placeholder...)
	entry = binary.LittleEndian.AppendUint32(entry, placeholderSum)
	return append(entry, a.Tail...)
}

func newRuntime(ctx context.Context, f *feed, debug bool) (wazero.Runtime, error) {
	cache := wazero.NewCompilationCache()
	if err := setFileCache(cache, f); err != nil {
		return nil, fmt.Errorf("the wasm engine is not the version that walisup was built for: %w", err)
	}
	config := wazero.NewRuntimeConfigCompiler().
		WithCoreFeatures(Features).
		WithCompilationCache(cache).
		WithDebugInfoEnabled(debug)
	return wazero.NewRuntimeWithConfig(ctx, config), nil
}
