package helper

import (
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/wali"
)

// confinement returns what the boot record says that the guest is not to have, and
// prepares for it. It is to be called while there is room for descriptors in the
// private range.
func (b *bootstrap) confinement() (ipc.Confinement, error) {
	c := ipc.NoConfinement()
	if b.Confine == "" {
		return c, nil
	}
	if err := c.UnmarshalText([]byte(b.Confine)); err != nil {
		return c, fmt.Errorf("%w: %w", ipc.ErrBoot, err)
	}
	b.Confine = "" // what the guest executes has it by inheritance
	b.Sandboxed = c.Sandbox != nil
	if c.Isolates(unix.Geteuid()) {
		// Others run what is in there, and the guest will have it from the code service.
		b.CacheDir = ""
	}
	return c, nil
}

// confine gives up what the guest is not to have.
func (b *bootstrap) confine(t *thread, c *ipc.Confinement) error {
	// Limits first, which a user may not be able to raise, then the root and what
	// could lead out of it, then the groups, then the user, who can do none of these.
	for _, l := range c.Limits {
		if e := t.SetLimit(l.Resource, wali.Limit{Soft: l.Soft, Hard: l.Hard}); e != 0 {
			return lacks(fmt.Sprintf("--ulimit: set resource limit %d to %d:%d", l.Resource, l.Soft, l.Hard), e, "CAP_SYS_RESOURCE")
		}
	}
	if c.Root != "" {
		if err := unix.Chroot(c.Root); err != nil {
			return lacks("--root "+c.Root, err, "CAP_SYS_CHROOT")
		}
		if c.Dir == "" {
			c.Dir = "/"
		}
		if err := dropCapabilities(t); err != nil {
			return fmt.Errorf("--root %s: %w", c.Root, err)
		}
	}
	if c.Dir != "" {
		if err := unix.Chdir(c.Dir); err != nil {
			return fmt.Errorf("working directory %s: %w", c.Dir, err)
		}
	}
	if c.Umask >= 0 {
		unix.Umask(c.Umask)
	}
	if err := becomeUser(t, c); err != nil {
		return err
	}
	return b.enterSandbox(t, c)
}

// lacks explains why a right is missing.
func lacks(what string, err error, capability string) error {
	if err == unix.EPERM {
		return fmt.Errorf("%s: %w (needs %s: root has it)", what, err, capability)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// becomeUser changes groups and user of all threads.
func becomeUser(t *thread, c *ipc.Confinement) error {
	if c.SetGroups {
		have, err := unix.Getgroups()
		slices.Sort(have)
		slices.Sort(c.Groups)
		if err != nil || !slices.Equal(have, c.Groups) {
			list := make([]uint32, len(c.Groups)+1)
			for i, id := range c.Groups {
				list[i] = uint32(id)
			}
			if r := t.EveryThread(unix.SYS_SETGROUPS, uintptr(len(c.Groups)), uintptr(unsafe.Pointer(&list[0])), 0); r < 0 {
				return lacks("set the user's groups", unix.Errno(-r), "CAP_SETGID")
			}
		}
	}
	if id := uintptr(c.GID); c.GID >= 0 {
		if r := t.EveryThread(unix.SYS_SETRESGID, id, id, id); r < 0 {
			return lacks(fmt.Sprintf("become group %d", c.GID), unix.Errno(-r), "CAP_SETGID")
		}
	}
	if id := uintptr(c.UID); c.UID >= 0 {
		if r := t.EveryThread(unix.SYS_SETRESUID, id, id, id); r < 0 {
			return lacks(fmt.Sprintf("become user %d", c.UID), unix.Errno(-r), "CAP_SETUID")
		}
	}
	if c.UID >= 0 || c.GID >= 0 {
		// As if the new user had executed the helper: otherwise the guest could not
		// look at itself in /proc.
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("become user %d: %w", c.UID, err)
		}
	}
	return nil
}
