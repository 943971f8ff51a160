package interrupt

import (
	"fmt"

	"walisup/wali/safecopy"
)

// goHandler is the Go runtime's signal handler, where the fault handler sends
// what is not the guest's.
var goHandler uintptr

func faultHandlerPC() uintptr
func threadWord() uintptr
func setThreadWord(v uintptr)

// Install puts the fault handler behind that of package safecopy, once for the
// process.
func Install() error {
	if err := safecopy.Install(); err != nil {
		return fmt.Errorf("install the fault handler: %w", err)
	}
	if goHandler == 0 {
		// Until the swap is done nothing of ours can fault.
		old := safecopy.SetChain(faultHandlerPC())
		goHandler = old
	}
	return nil
}
