package module

// Instruction codes that the rewriter looks for or emits (core specification, binary format, instructions).
const (
	opUnreachable        = 0x00
	opBlock              = 0x02
	opIf                 = 0x04
	opElse               = 0x05
	opEnd                = 0x0b
	opBrIf               = 0x0d
	opBrTable            = 0x0e
	opReturn             = 0x0f
	opCall               = 0x10
	opCallIndirect       = 0x11
	opReturnCall         = 0x12
	opReturnCallIndirect = 0x13
	opDrop               = 0x1a
	opTryTable           = 0x1f
	opLocalGet           = 0x20
	opLocalTee           = 0x22
	opGlobalGet          = 0x23
	opGlobalSet          = 0x24
	opTableSet           = 0x26
	opI32Load            = 0x28
	opI32Load8U          = 0x2d
	opI32Load16U         = 0x2f
	opMemorySize         = 0x3f
	opMemoryGrow         = 0x40
	opI32Const           = 0x41
	opI64Const           = 0x42
	opF32Const           = 0x43
	opF64Const           = 0x44
	opI32Ne              = 0x47
	opI32LtU             = 0x49
	opI32GeU             = 0x4f
	opI64Ne              = 0x52
	opI32Add             = 0x6a
	opI32Sub             = 0x6b
	opI32Mul             = 0x6c
	opI32And             = 0x71
	opI32Shl             = 0x74
	opI64Add             = 0x7c
	opI64Sub             = 0x7d
	opI64Mul             = 0x7e
	opI64And             = 0x83
	opI32WrapI64         = 0xa7
	opI64ExtendI32S      = 0xac
	opI64ExtendI32U      = 0xad
	opI32ReinterpretF32  = 0xbc
	opI64ReinterpretF64  = 0xbd
	opF32ReinterpretI32  = 0xbe
	opF64ReinterpretI64  = 0xbf
	opRefNull            = 0xd0
	opRefFunc            = 0xd2
	opMiscPrefix         = 0xfc
	opVectorPrefix       = 0xfd
	opAtomicPrefix       = 0xfe
)

// Codes after opMiscPrefix.
const (
	miscMemoryInit = 8
	miscDataDrop   = 9
	miscMemoryCopy = 10
	miscMemoryFill = 11
	miscTableInit  = 12
	miscElemDrop   = 13
	miscTableCopy  = 14
	miscTableGrow  = 15
	miscTableSize  = 16
	miscTableFill  = 17
)

// Codes after opAtomicPrefix.
const (
	atomicNotify = 0x00
	atomicWait32 = 0x01
	atomicWait64 = 0x02
	atomicFence  = 0x03
	atomicFirst  = 0x10
	atomicLast   = 0x4e
)

const vectorConst = 0x0c

// Block type "no parameters, no results".
const blockEmpty = 0x40

// operands is the shape of what follows an instruction code.
type operands uint8

const (
	operandsInvalid operands = iota
	operandsNone
	operandsBlock        // block type
	operandsIndex        // one u32
	operandsMemory       // alignment and offset
	operandsZero         // one zero byte, the memory's index
	operandsI32          // i32 constant
	operandsI64          // i64 constant
	operandsF32          // 4 bytes
	operandsF64          // 8 bytes
	operandsBrTable      // vector of labels and a default
	operandsCall         // function index
	operandsCallIndirect // type index, table index
	operandsTable        // table index
	operandsSelect       // vector of value types
	operandsRefNull      // heap type
	operandsRefFunc      // function index
	operandsTryTable     // block type, vector of catch clauses
	operandsMisc         // further code
	operandsVector       // further code
	operandsAtomic       // further code
	operandsLegacyTry    // exception handling before its final form
	operandsFuncRefs     // typed function references
	operandsGC           // garbage collection
)

// operandsOf is the shape by instruction code. What the engine can be asked to accept (core 2.0, threads, tail calls,
// exception handling, extended constants) is known; the rest is refused by name where it has one.
var operandsOf = func() (t [256]operands) {
	set := func(from, to int, shape operands) {
		for i := from; i <= to; i++ {
			t[i] = shape
		}
	}
	set(0x00, 0x01, operandsNone) // unreachable, nop
	set(0x02, 0x04, operandsBlock)
	set(0x05, 0x05, operandsNone) // else
	set(0x06, 0x07, operandsLegacyTry)
	set(0x08, 0x08, operandsIndex) // throw
	set(0x09, 0x09, operandsLegacyTry)
	set(0x0a, 0x0b, operandsNone)  // throw_ref, end
	set(0x0c, 0x0d, operandsIndex) // br, br_if
	t[opBrTable] = operandsBrTable
	t[opReturn] = operandsNone
	t[opCall] = operandsCall
	t[opCallIndirect] = operandsCallIndirect
	t[opReturnCall] = operandsCall
	t[opReturnCallIndirect] = operandsCallIndirect
	set(0x14, 0x15, operandsFuncRefs) // call_ref, return_call_ref
	set(0x18, 0x19, operandsLegacyTry)
	set(0x1a, 0x1b, operandsNone) // drop, select
	t[0x1c] = operandsSelect
	t[opTryTable] = operandsTryTable
	set(0x20, 0x24, operandsIndex) // locals, globals
	set(0x25, 0x26, operandsTable) // table.get, table.set
	set(0x28, 0x3e, operandsMemory)
	set(0x3f, 0x40, operandsZero) // memory.size, memory.grow
	t[opI32Const] = operandsI32
	t[opI64Const] = operandsI64
	t[opF32Const] = operandsF32
	t[opF64Const] = operandsF64
	set(0x45, 0xc4, operandsNone) // numeric
	t[opRefNull] = operandsRefNull
	t[0xd1] = operandsNone // ref.is_null
	t[opRefFunc] = operandsRefFunc
	set(0xd3, 0xd6, operandsFuncRefs)
	t[0xfb] = operandsGC
	t[opMiscPrefix] = operandsMisc
	t[opVectorPrefix] = operandsVector
	t[opAtomicPrefix] = operandsAtomic
	return t
}()
