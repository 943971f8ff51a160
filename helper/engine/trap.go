package engine

import "errors"

// ErrStale is returned for a jmp_buf whose setjmp's caller has returned, or
// that no setjmp has filled.
var ErrStale = errors.New("longjmp to a function that has returned, or with a jmp_buf that setjmp did not fill")

// Trap is why code could not go on. What a processor notices by itself, such as an access
// to memory that is not mapped, is a signal and no trap.
type Trap uint8

// The traps of the WebAssembly specification, and an exception that nobody catches.
const (
	NoTrap Trap = iota
	DivideByZero
	IntegerOverflow // of a division, or a float that does not fit an integer
	InvalidConversion
	Unreachable
	OutOfBounds // access beyond the end of memory
	UndefinedElement
	SignatureMismatch
	StackOverflow
	UnalignedAtomic
	UncaughtException
	NullReference
)
