package wazero

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"walisup/helper/engine"
	"walisup/helper/engine/wazero/layout"
)

// compile compiles a prepared module, without its glue.
func compile(ctx context.Context, module []byte, o engine.Options) (*engine.Artifact, error) {
	f := &feed{}
	rt, err := newRuntime(ctx, f, o.Debug)
	if err != nil {
		return nil, err
	}
	defer rt.Close(ctx)
	if _, err := rt.CompileModule(experimental.WithCompilationWorkers(ctx, o.Workers), module); err != nil {
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
func split(entry []byte) (*engine.Artifact, error) {
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
	a := &engine.Artifact{Head: entry[:p], Code: code, Tail: entry[p+8+int(size)+4:]}
	if err := splitSources(a); err != nil {
		return nil, err
	}
	return a, nil
}

// splitSources takes the source map out of the tail: a flag, the number of
// entries (8), and for each an offset in the module and one in the code.
func splitSources(a *engine.Artifact) error {
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
		a.Sources = append(a.Sources, engine.Source{
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

func withPlaceholder(a *engine.Artifact) []byte {
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
		WithCoreFeatures(layout.Features).
		WithCompilationCache(cache).
		WithDebugInfoEnabled(debug)
	return wazero.NewRuntimeWithConfig(ctx, config), nil
}
