package engine_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// As in a helper there is no collector: the engine's finalizers would unmap the code
// that Load has put in place of the placeholder.
func TestMain(m *testing.M) {
	debug.SetGCPercent(-1)
	os.Exit(m.Run())
}
