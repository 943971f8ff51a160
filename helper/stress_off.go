//go:build !stress

package helper

const (
	// collectEvery is how many calls of collectSometimes look at the heap once.
	collectEvery = 64

	// collectMargin is by how many bytes the heap may grow before it is
	// collected, at least; it may also double.
	collectMargin = 8 << 20

	// maxGrowth is how many threads are made at once.
	maxGrowth = 16

	// fewThreads is how many threads there may be before one waits for another to
	// end: a program that starts and joins one thread after the other finds a second
	// one.
	fewThreads = 5
)

// stress does nothing outside of a stress build.
func (*thread) stress() {}
