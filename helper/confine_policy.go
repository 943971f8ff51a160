package helper

import (
	"walisup/helper/duplicate"
	"walisup/ipc"
	"walisup/ipc/sandbox"
)

// enterSandbox shuts the process in by Landlock and seccomp. It is the last thing that a
// helper does before it is the guest's: what it takes to get here, a sandboxed process
// cannot do. All threads that the helper set aside come back as children of this one, and
// so have what it has.
func (b *bootstrap) enterSandbox(t *thread, c *ipc.Confinement) error {
	if c.Sandbox == nil && len(c.Filters) == 0 {
		return nil
	}
	if !duplicate.Frozen() {
		duplicate.Freeze() // it was not possible when the module was loaded
	}
	t.Sandboxed = c.Sandbox != nil
	return sandbox.Enter(c.Sandbox, c.Filters, b.first+ipc.HelperOffset, b.first)
}
