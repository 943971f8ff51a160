package wazero_test

import (
	"context"
	"strings"
	"testing"

	"walisup/helper/engine"
	ours "walisup/helper/engine/wazero"
	"walisup/helper/engine/wazero/enginetest"
)

// Instructions.
const (
	opBlock    = 0x02
	opThrow    = 0x08
	opEnd      = 0x0b
	opReturn   = 0x0f
	opCall     = 0x10
	opDrop     = 0x1a
	opTryTable = 0x1f
	opLocalGet = 0x20
	opLocalSet = 0x21
	opVector   = 0xfd

	emptyBlock = 0x40
)

func i64const(v int64) []byte { return enginetest.S64([]byte{0x42}, v) }

// What an exception carries arrives, of every type and in any order. A v128 takes two
// words.
func TestExceptionParameters(t *testing.T) {
	enginetest.NeedPatches(t)
	var a enginetest.Assembler
	params := []byte{enginetest.V128, enginetest.I32, enginetest.V128, enginetest.F64, enginetest.I64, enginetest.V128}
	thrown := a.Type(params, nil)
	handed := a.Type(nil, params)
	a.Tag(thrown)
	lanes := func(v int64) []byte { return enginetest.Code(i64const(v), opVector, 0x12) } // i64x2.splat
	kind := a.Type(nil, []byte{enginetest.I64})
	lane := func(n int) []byte { return enginetest.Code(opVector, 0x1d, n) }
	// The sum of all, each times another power of 10.
	code := enginetest.Code(
		opBlock, handed,
		opTryTable, emptyBlock, 1, 0, 0, 0, // catch tag 0, label 0
		lanes(1), enginetest.I32Const(20), lanes(300), 0x44, []byte{0, 0, 0, 0, 0, 0x40, 0xaf, 0x40} /* 4000.0 */, i64const(50000), lanes(600000),
		opThrow, 0, opEnd, 0x00, opEnd,
		opLocalSet, 2, opLocalSet, 5, opLocalSet, 4, opLocalSet, 1, opLocalSet, 3, opLocalSet, 0,
		opLocalGet, 0, lane(1), opLocalGet, 3, 0xac, 0x7c, opLocalGet, 1, lane(1), 0x7c, opLocalGet, 4, 0xb0, 0x7c,
		opLocalGet, 5, 0x7c, opLocalGet, 2, lane(1), 0x7c)
	locals := []byte{4, 3, enginetest.V128, 1, enginetest.I32, 1, enginetest.F64, 1, enginetest.I64}
	a.Function("f", kind, locals, code...)
	b := enginetest.New(t)
	m, err := b.Instantiate(a.Bytes(), "")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		got, err := b.Call(m, "f")
		if err != nil || got[0] != 654321 {
			t.Fatalf("got %v, %v, want 654321", got, err)
		}
	}
}

// The handlers of a try_table find the function's locals in memory of limited size:
// functions with as many as fit work, all others are refused.
func TestManyLocalsAroundATryTable(t *testing.T) {
	enginetest.NeedPatches(t)
	const limit = 1 << 16
	for _, n := range []uint32{1, 1000, limit - 3, limit - 2, limit - 1, 1 << 20, 1 << 24} {
		var a enginetest.Assembler
		void := a.Type(nil, nil)
		a.Tag(void)
		kind := a.Type([]byte{enginetest.I64, enginetest.V128}, []byte{enginetest.I64})
		last := n + 1 // two parameters come before
		code := enginetest.Code(opBlock, emptyBlock,
			opTryTable, emptyBlock, 1, 0, 0, 0,
			opLocalGet, 0, opLocalSet, last,
			opThrow, 0, opEnd, 0x00, opEnd, opLocalGet, last)
		a.Function("f", kind, append(enginetest.U32([]byte{1}, n), enginetest.I64), code...)
		if n+2 > limit {
			_, err := ours.Compile(context.Background(), a.Bytes(), engine.Options{Workers: 1})
			if err == nil || !strings.Contains(err.Error(), "over the limit of") {
				t.Errorf("%d locals: %v", n, err)
			}
			continue
		}
		b := enginetest.New(t)
		m, err := b.Instantiate(a.Bytes(), "")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.Call(m, "f", 42, 1, 2); err != nil || got[0] != 42 {
			t.Errorf("%d locals: %v, %v", n, got, err)
		}
	}
}
