package control

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"walisup/ipc/channel"
	"walisup/supervisor"
	"walisup/supervisor/instance"
	"walisup/supervisor/procfs"
	"walisup/supervisor/proctree"
)

// Exec starts another module in a running instance, with the caller's standard
// streams and terminal, waits for its end and returns how it ended. The new processes belong to the instance: they are in its table, and end with it.
//
// Precondition: as for [supervisor.Start].
func Exec(i *instance.Instance, spec supervisor.Spec) (ws unix.WaitStatus, err error) {
	switch c := i.Condition(); c.Phase {
	case instance.Running:
	case instance.Paused:
		return 0, fmt.Errorf("instance %s is paused: resume it first", i.Name)
	default:
		return 0, fmt.Errorf("instance %s is not running (%s)", i.Name, c.Phase)
	}
	fd, err := FindChannel(i)
	if err != nil {
		return 0, fmt.Errorf("instance %s: %w", i.Name, err)
	}
	if spec.Tree, err = proctree.Join(fd); err != nil {
		unix.Close(fd)
		return 0, err
	}
	defer spec.Tree.Close()
	spec.Isolation.Join = i.State.Main.Pid
	umask := unix.Umask(i.Command.Umask)
	guest, err := supervisor.Start(spec)
	unix.Umask(umask)
	if err != nil {
		return 0, err
	}
	id, err := procfs.Of(guest.Pid()) // not waited for yet, so it is there
	if err == nil {
		err = enter(i, id)
	}
	if err != nil {
		unix.Kill(guest.Pid(), unix.SIGKILL)
		guest.Wait()
		return 0, err
	}
	ws, err = guest.Wait()
	left := i.Update(func(r *instance.Record) error {
		r.State.Others = slices.DeleteFunc(r.State.Others, func(other instance.Other) bool { return other.Identity == id })
		return nil
	})
	if err == nil && left != nil && !errors.Is(left, instance.ErrNotFound) && !errors.Is(left, unix.ENOSPC) {
		err = left
	}
	return ws, err
}

// enter records the first process of an exec. It fails if the instance has begun to
// end: whoever ends it would not find the guest.
func enter(i *instance.Instance, id procfs.Identity) error {
	self, err := procfs.Self()
	if err != nil {
		return err
	}
	return i.Update(func(r *instance.Record) error {
		if r.State.Phase != instance.Running || !r.State.Main.Running() {
			return fmt.Errorf("instance %s has ended", r.Name)
		}
		r.State.Others = append(r.State.Others, instance.Other{Identity: id, StandIn: self})
		return nil
	})
}

// FindChannel opens the file of an instance's channel, which is the caller's to close.
func FindChannel(i *instance.Instance) (fd int, err error) {
	err = errors.New("has no channel")
	for _, id := range append(i.State.Roots(), i.State.Monitor) {
		if !id.Running() {
			continue
		}
		if fd, err = channel.Find(id.Pid); err == nil {
			return fd, nil
		}
	}
	return -1, err
}
