package helper

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/stagezero"
	"walisup/wali"
	"walisup/wali/kernel/abi"
	"walisup/wali/signals"
)

// becomeGuest undoes what the Go runtime did to the process and gives it the
// state that the guest is to find.
func (b *bootstrap) becomeGuest(t *thread) error {
	if b.ModuleFD >= 0 {
		unix.Close(b.ModuleFD)
	}
	// Native programs do not get what this helper got, and modules only by Exec.
	b.inheritAll(false)
	confinement, err := b.confinement()
	if err != nil {
		return err
	}
	// Whatever the guest executes, only Exec gives it this.
	if _, err := unix.FcntlInt(uintptr(b.first+ipc.HelperOffset), unix.F_SETFD, unix.FD_CLOEXEC); err != nil && !b.alone {
		return fmt.Errorf("hide the helper's executable: %w", err)
	}
	t.begin()
	// The runtime has left the guest's dispositions alone, see package
	// stagezero. walisup's own runtime has not.
	ignored := stagezero.Ignored() | b.Ignored
	for sig := 1; sig <= 64; sig++ {
		bit := uint64(1) << (sig - 1)
		if b.Ignored&^stagezero.Ignored()&^signals.Unblockable&bit == 0 || sig == int(unix.SIGKILL) || sig == int(unix.SIGSTOP) {
			continue
		}
		if err := setDisposition(sig, abi.SigIgnore); err != nil {
			return fmt.Errorf("ignore signal %d: %w", sig, err)
		}
	}
	if e := t.LimitDescriptors(b.NoFile); e != 0 {
		return fmt.Errorf("set the limit of open files: %w", e)
	}
	for _, limit := range b.Limits {
		if limit.Set {
			t.PutLimit(limit.Resource, wali.Limit{Soft: limit.Soft, Hard: limit.Hard})
		}
	}
	if err := b.confine(t, &confinement); err != nil {
		return err
	}
	if e := t.DropRawIO(); e != 0 {
		return fmt.Errorf("give up CAP_SYS_RAWIO: %w", e)
	}
	t.JudgeInherited()
	name := b.Name
	if name == "" {
		name = filepath.Base(b.Module)
	}
	setThreadName(name)
	mask := stagezero.Mask()
	if b.SetMask {
		mask = b.Mask
	}
	t.Actions.InheritIgnored(ignored)
	t.Signals.SetMask(mask)
	if b.Ready {
		ready := b.first + ipc.ReadyOffset
		unix.Send(ready, []byte{1}, unix.MSG_NOSIGNAL) // nobody may be there to hear it
		unix.Close(ready)
	}
	return nil
}
