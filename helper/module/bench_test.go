package module

import (
	"context"
	"testing"
)

// BenchmarkIndirectCall compares an indirect call in a loop with plain and with adapted tables, and the cost of a
// call that needs adapting.
func BenchmarkIndirectCall(b *testing.B) {
	const loops = 1000
	build := func() []byte {
		p := newBuilder()
		expected := p.typ("ii", "i")
		same := p.fn(expected, opLocalGet, 0, opLocalGet, 1, opI32Add)
		other := p.fn(p.typ("I", "i"), opLocalGet, 0, opI32WrapI64)
		p.table0(same, other)
		// Parameter 0 is the table index, local 1 the counter, local 2 the sum.
		f := p.fnLocals(p.typ("i", "i"), []byte{1, 2, I32}, join(
			0x03, blockEmpty, // loop
			opLocalGet, 1, opLocalGet, 2, opLocalGet, 0, callIndirect(expected), 0x21, 2,
			opLocalGet, 1, i32const(1), opI32Add, opLocalTee, 1, i32const(loops), opI32Ne, opBrIf, 0, opEnd,
			opLocalGet, 2)...)
		p.export("go", kindFunction, f)
		return p.program()
	}
	for _, tc := range []struct {
		name  string
		o     Options
		index uint64
	}{{"plain", Options{PlainTables: true}, 1}, {"adapted, right type", Options{}, 1}, {"adapted, wrong type", Options{}, 2}} {
		b.Run(tc.name, func(b *testing.B) {
			h := newHost(b, prepare(b, build(), tc.o))
			f := h.instance().ExportedFunction("go")
			for b.Loop() {
				if _, err := f.Call(context.Background(), tc.index); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/loops, "ns/call")
		})
	}
}
