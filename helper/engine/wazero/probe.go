package wazero

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"walisup/helper/engine"
	"walisup/wali/memory"
)

// reader is (module (import "walisup.memory" "memory" (memory 1 1))
// (func (export "f") (param i32) (result i32) local.get 0 i32.load)).
const reader = "\x00asm\x01\x00\x00\x00" +
	"\x01\x06\x01\x60\x01\x7f\x01\x7f" +
	"\x02\x1b\x01\x0ewalisup.memory\x06memory\x02\x01\x01\x01" +
	"\x03\x02\x01\x00" +
	"\x07\x05\x01\x01f\x00\x00" +
	"\x0a\x09\x01\x07\x00\x20\x00\x28\x02\x00\x0b"

// owner is (module (memory (export "memory") 1 1)).
const owner = "\x00asm\x01\x00\x00\x00" + "\x05\x04\x01\x01\x01\x01" + "\x07\x0a\x01\x06memory\x02\x00"

const pageSize = 64 << 10

// probeMemoryBase finds out whether the engine's code looks for the linear memory where
// this program puts it. The patched engine has the place as a constant, and checks no
// bounds: with another constant a module would read and write what is not its own.
// A compiling helper asks before it compiles, so starts do not pay for it.
//
// reserved says that the address space for a memory is reserved. No memory may be there.
func probeMemoryBase(ctx context.Context, reserved bool) error {
	wrong := fmt.Errorf("the wasm engine takes the memory to be elsewhere than at %#x; build walisup-helper with make", memory.FixedBase)
	artifact, err := compile(ctx, []byte(reader), engine.Options{Workers: 1})
	if err != nil {
		return fmt.Errorf("probe the wasm engine: %w", err)
	}
	mem, err := memory.ReserveFixed(pageSize, 0, reserved)
	if err != nil {
		return err
	}
	defer mem.Close()
	if err := mem.MapInitial(0, pageSize); err != nil {
		return err
	}
	const at, word = 40, 0x77616c69
	if mem.Store32(at, word) != 0 {
		return errors.New("probe the wasm engine: the memory cannot be written")
	}
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
	defer rt.Close(ctx)
	allocator := experimental.MemoryAllocatorFunc(func(uint64, uint64) experimental.LinearMemory { return linearMemory(mem.Bytes()) })
	if _, err := rt.InstantiateWithConfig(experimental.WithMemoryAllocator(ctx, allocator), []byte(owner),
		wazero.NewModuleConfig().WithName("walisup.memory")); err != nil {
		return fmt.Errorf("probe the wasm engine: %w", err)
	}
	m, err := rt.Instantiate(ctx, []byte(reader))
	if err != nil {
		return fmt.Errorf("probe the wasm engine: %w", err)
	}
	f := m.ExportedFunction("f")
	_, patched := reflect.TypeOf(f).Elem().FieldByName("tryLocals")
	if patched && !bytes.Contains(artifact.Code, binary.LittleEndian.AppendUint32(nil, memory.FixedBase)) {
		return wrong // the call would end by a fault
	}
	got, err := f.Call(ctx, at)
	if err != nil {
		return fmt.Errorf("probe the wasm engine: %w", err)
	}
	if uint32(got[0]) != word {
		return wrong
	}
	return nil
}
