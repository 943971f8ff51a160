// Package policy makes of what people ask for what a helper carries out: which files, ports
// and system calls an instance has. It finds every mistake and every lack of the kernel
// before anything starts.
package policy

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/sandbox"
	"walisup/supervisor/seccomp"
)

// Request is a policy as people write it. The names of its errors are those of the flags.
type Request struct {
	Sandbox bool

	// Each of these means a sandbox.
	Read, Write     []string // paths
	Connect, Listen []string // TCP ports
	Net             bool

	Seccomp string // a profile's name or file; empty for the usual
}

// Profiles that have a name.
const (
	profileDefault = "default"
	profileNone    = "none"
)

// sandboxed reports whether a sandbox is asked for.
func (r *Request) sandboxed() bool {
	return r.Sandbox || r.Net || len(r.Read)+len(r.Write)+len(r.Connect)+len(r.Listen) > 0
}

// Apply adds the policy to a confinement, whose root and user are known.
func (r *Request) Apply(c *ipc.Confinement) error {
	if r.sandboxed() {
		s, err := r.sandbox(c.Root)
		if err != nil {
			return err
		}
		c.Sandbox = s
		if err := sandbox.CheckLandlock(); err != nil {
			return fmt.Errorf("--sandbox: %w", err)
		}
	}
	return r.addFilters(c)
}

// sandbox checks what is allowed.
func (r *Request) sandbox(root string) (*ipc.Sandbox, error) {
	s := &ipc.Sandbox{Net: r.Net}
	for _, list := range []struct {
		flag  string
		asked []string
		to    *[]string
	}{{"--allow-read", r.Read, &s.Read}, {"--allow-write", r.Write, &s.Write}} {
		for _, path := range list.asked {
			real, err := resolve(root, path)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", list.flag, path, err)
			}
			*list.to = append(*list.to, real)
		}
		slices.Sort(*list.to)
		*list.to = slices.Compact(*list.to)
	}
	for _, list := range []struct {
		flag   string
		asked  []string
		to     *[]uint16
		lowest int
	}{{"--allow-connect", r.Connect, &s.Connect, 1}, {"--allow-listen", r.Listen, &s.Listen, 0}} {
		for _, text := range list.asked {
			port, err := strconv.ParseUint(text, 10, 16)
			if err != nil || int(port) < list.lowest {
				return nil, fmt.Errorf("%s %s: not a port, which is a number from %d to 65535", list.flag, text, list.lowest)
			}
			*list.to = append(*list.to, uint16(port))
		}
		slices.Sort(*list.to)
		*list.to = slices.Compact(*list.to)
	}
	if s.Net && len(s.Connect)+len(s.Listen) > 0 {
		return nil, errors.New("--allow-net allows all ports: leave out --allow-connect and --allow-listen")
	}
	return s, nil
}

// resolve returns the path without symbolic links of a file in root, which is empty for
// ours. A link that is put in its place later leads nowhere.
func resolve(root, path string) (string, error) {
	if path == "" {
		return "", errors.New("no path")
	}
	absolute := filepath.Join("/", path)
	if root == "" {
		var err error
		if absolute, err = filepath.Abs(path); err != nil {
			return "", err
		}
	}
	base, err := unix.Open(cmp.Or(root, "/"), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(base)
	fd, err := unix.Openat2(base, absolute, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	real, err := relative(base, fd)
	if err != nil {
		return "", err
	}
	if err := same(base, fd, real); err != nil {
		return "", err
	}
	return real, ofProcess(fd, real)
}

// relative is where the kernel says that fd is, below base.
func relative(base, fd int) (string, error) {
	top, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(base))
	if err != nil {
		return "", err
	}
	full, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return "", err
	}
	rest, ok := strings.CutPrefix(full, strings.TrimSuffix(top, "/"))
	if !ok || rest != "" && rest[0] != '/' {
		return "", fmt.Errorf("it lies outside of the root, at %s", full)
	}
	return filepath.Clean("/" + rest), nil
}

// same checks that a path leads to fd.
func same(base, fd int, path string) error {
	again, err := unix.Openat2(base, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(again)
	var a, b unix.Stat_t
	if err := cmp.Or(unix.Fstat(fd, &a), unix.Fstat(again, &b)); err != nil {
		return err
	}
	if a.Dev != b.Dev || a.Ino != b.Ino {
		return errors.New("it was exchanged while it was looked at")
	}
	return nil
}

// ofProcess refuses what belongs to one process: the module's will be another.
func ofProcess(fd int, path string) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return err
	}
	if st.Type != unix.PROC_SUPER_MAGIC {
		return nil
	}
	for part := range strings.SplitSeq(path, "/") {
		if _, err := strconv.ParseUint(part, 10, 32); err == nil {
			return fmt.Errorf("it is process %s's, which the module is not; allow /proc", part)
		}
	}
	return nil
}

// addFilters adds the filters of system calls.
func (r *Request) addFilters(c *ipc.Confinement) error {
	name := r.Seccomp
	if name == "" {
		name = profileNone
		if c.Sandbox != nil {
			name = profileDefault
		}
	}
	if name == profileNone && c.Sandbox != nil {
		return errors.New("--seccomp none: a sandbox rests on its filter of system calls; leave out one of them")
	}
	var profiles []*seccomp.Profile
	if c.Sandbox != nil {
		profiles = append(profiles, seccomp.Sandbox(c.Sandbox, name != profileDefault))
	}
	switch name {
	case profileNone:
		return nil
	case profileDefault:
		if c.Sandbox == nil {
			profiles = append(profiles, seccomp.Default())
		}
	default:
		var err error
		if name, err = filepath.Abs(name); err != nil {
			return err
		}
		p, err := readProfile(name, c)
		if err != nil {
			return fmt.Errorf("--seccomp %s: %w", r.Seccomp, err)
		}
		profiles = append(profiles, p)
	}
	for _, p := range profiles {
		filter, err := seccomp.Compile(p)
		if err != nil {
			return fmt.Errorf("--seccomp %s: %w", name, err)
		}
		c.Filters = append(c.Filters, filter)
	}
	c.Seccomp = name
	if err := sandbox.CheckSeccomp(); err != nil {
		return fmt.Errorf("--seccomp: %w", err)
	}
	return nil
}

// largestProfile is far above what a filter has room for.
const largestProfile = 1 << 20

func readProfile(path string, c *ipc.Confinement) (*seccomp.Profile, error) {
	file, err := os.Open(path)
	if err != nil {
		if pathErr, ok := errors.AsType[*os.PathError](err); ok {
			err = pathErr.Err
		}
		return nil, fmt.Errorf("%w (want default, none, or a file)", err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	case info.Size() > largestProfile:
		return nil, fmt.Errorf("%d bytes are too long for a profile", info.Size())
	}
	data := make([]byte, info.Size())
	if n, err := file.ReadAt(data, 0); n != len(data) {
		return nil, err
	}
	host, err := hostOf(c)
	if err != nil {
		return nil, err
	}
	return seccomp.ParseOCI(data, host)
}

// hostOf says what the guest will have that a profile may depend on.
func hostOf(c *ipc.Confinement) (*seccomp.Host, error) {
	var h seccomp.Host
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return nil, err
	}
	fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &h.Major, &h.Minor)
	if c.UID > 0 {
		return &h, nil // who is not root has none
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return nil, err
	}
	h.Capabilities = uint64(data[0].Effective) | uint64(data[1].Effective)<<32
	if c.Sandbox != nil {
		h.Capabilities &= sandbox.Kept(c.Sandbox)
	}
	return &h, nil
}
