package wazero_test

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"walisup/helper/engine"
	ours "walisup/helper/engine/wazero"
	"walisup/helper/engine/wazero/layout"
)

// caller is (module (import "host" "f" (func)) (func (export "g") (call 0))).
var caller = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x04\x01\x60\x00\x00" +
	"\x02\x0a\x01\x04host\x01f\x00\x00" +
	"\x03\x02\x01\x00" +
	"\x07\x05\x01\x01g\x00\x01" +
	"\x0a\x06\x01\x04\x00\x10\x00\x0b")

// stub is caller with a body that traps.
var stub = append(caller[:len(caller)-7:len(caller)-7], "\x05\x01\x03\x00\x00\x0b"...)

// The assumptions that package interrupt rests on: the stub runs the code of the
// module it stands for, and a host function finds the exit code, the callee and
// the stack where layout.Find says.
func TestLayoutAgreesWithTheEngine(t *testing.T) {
	ctx := context.Background()
	artifact, err := ours.Compile(ctx, caller, engine.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	rt, compiled, err := ours.LoadUnlinked(ctx, stub, mapped(t, artifact))
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close(ctx)

	var fields layout.Layout
	var g api.Function
	var target struct {
		exitCode uint32
		opaque   uintptr
	}
	calls := 0
	host, err := rt.NewHostModuleBuilder("host").NewFunctionBuilder().
		WithGoFunction(api.GoFunc(func(context.Context, []uint64) {
			calls++
			c := fields.View(g)
			if c.ExitCode() != target.exitCode {
				t.Errorf("exit code %#x, want %#x", c.ExitCode(), target.exitCode)
			}
			if c.CalleeOpaque() != target.opaque {
				t.Errorf("callee %#x, want %#x", c.CalleeOpaque(), target.opaque)
			}
			if sp := *c.SP(); sp < c.StackBottom() || sp >= c.StackTop() {
				t.Errorf("stack pointer %#x is not between %#x and %#x", sp, c.StackBottom(), c.StackTop())
			}
			// The host call's frame, then that of g, in the module's code.
			pc, fp, ok := c.Caller(*c.FP())
			if !ok || fp <= *c.FP() {
				t.Fatalf("no caller at frame pointer %#x", *c.FP())
			}
			code, offsets := fields.Code(g)
			if !inside(pc, code) || len(offsets) != 1 || offsets[0] != 0 {
				t.Errorf("the caller's address %#x is not in its code, functions at %v", pc, offsets)
			}
			if pc, _, ok := c.Caller(fp); ok && inside(pc, code) {
				t.Error("g has a caller in the module")
			}
		}), nil, nil).Export("f").Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	got, err := layout.HostTarget(host)
	if err != nil {
		t.Fatal(err)
	}
	target.exitCode, target.opaque = got.ExitCode, got.Opaque
	m, err := rt.InstantiateModule(ctx, compiled, wazero.NewModuleConfig())
	if err != nil {
		t.Fatal(err)
	}
	g = m.ExportedFunction("g")
	if fields, err = layout.Find(g); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := g.Call(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if calls != 3 {
		t.Errorf("the host function was called %d times, want 3", calls)
	}
}

func inside(pc uintptr, code []byte) bool {
	offset := pc - layout.Address(code)
	return offset < uintptr(len(code))
}

func TestDamagedArtifactsAreRefused(t *testing.T) {
	ctx := context.Background()
	artifact, err := ours.Compile(ctx, caller, engine.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]*engine.Artifact{
		"no head":      {Tail: artifact.Tail, Code: artifact.Code},
		"half a head":  {Head: artifact.Head[:len(artifact.Head)/2], Tail: artifact.Tail, Code: artifact.Code},
		"other engine": {Head: append([]byte("WAZEVO\x05v9.99"), artifact.Head[12:]...), Tail: artifact.Tail, Code: artifact.Code},
	} {
		t.Run(name, func(t *testing.T) {
			if rt, _, err := ours.LoadUnlinked(ctx, stub, a); err == nil {
				rt.Close(ctx)
				t.Error("loaded")
			}
		})
	}
}

func TestCompileReportsWhatIsWrong(t *testing.T) {
	if _, err := ours.Compile(context.Background(), caller[:len(caller)-3], engine.Options{Workers: 1}); err == nil {
		t.Error("a truncated module was compiled")
	}
}
