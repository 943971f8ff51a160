//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/stagezero"
	"walisup/supervisor/isolation"
	"walisup/supervisor/policy"
)

// limitFlags are limits that can also be changed while an instance runs.
type limitFlags struct {
	memory sizeFlag
	cpus   float64
	pids   int64
}

func (l *limitFlags) register(flags *pflag.FlagSet) {
	flags.Var(&l.memory, "memory", "how much memory all processes together may use, as in 512m")
	flags.Float64Var(&l.cpus, "cpus", 0, "how many processors' time they may use, as in 1.5")
	flags.Int64Var(&l.pids, "pids-limit", 0, "how many threads they may be, those of the helpers included (about 5 a process)")
}

func (l *limitFlags) spec() isolation.Config {
	return isolation.Config{Memory: int64(l.memory), CPUs: l.cpus, Pids: l.pids}
}

// isolationFlags say what a guest is kept from.
type isolationFlags struct {
	limits  limitFlags
	ulimits []string
	user    string
	group   string
	root    string
	umask   string
	net     string

	preserve uint16 // descriptors from 3 on
	policy   policy.Request
}

func (f *isolationFlags) register(flags *pflag.FlagSet) {
	f.limits.register(flags)
	flags.StringArrayVar(&f.ulimits, "ulimit", nil, "resource limit `NAME=SOFT[:HARD]`, as in nofile=100:200 or core=unlimited (repeatable)")
	flags.StringVar(&f.user, "user", "", "run as a user: name or number, with the user's groups or with `USER:GROUP` alone")
	flags.StringVar(&f.group, "group", "", "run as a group: name or number")
	flags.StringVar(&f.root, "root", "", "`folder` that is the module's /; --workdir lies in it")
	flags.StringVar(&f.umask, "umask", "", "file mode creation mask, octal")
	flags.StringVar(&f.net, "net", "", "network: host; none: a loopback device only; private: that and a link to the host")
	flags.Uint16Var(&f.preserve, "preserve-fds", 0,
		"how many of your descriptors from 3 on the module inherits under --root, --user or --sandbox (default 0; without these flags: all)")
	p := &f.policy
	flags.BoolVar(&p.Sandbox, "sandbox", false, "start from nothing: no files, no network, no native programs, no new privileges but what --allow-... names (needs Linux 6.12)")
	flags.StringArrayVar(&p.Read, "allow-read", nil, "in a sandbox, read the file or hierarchy `PATH`, and run modules there (repeatable)")
	flags.StringArrayVar(&p.Write, "allow-write", nil, "in a sandbox, read and write the file or hierarchy `PATH` (repeatable)")
	flags.StringArrayVar(&p.Connect, "allow-connect", nil, "in a sandbox, connect to the TCP port `PORT` of any machine (repeatable)")
	flags.StringArrayVar(&p.Listen, "allow-listen", nil, "in a sandbox, listen on the TCP port `PORT`; 0: on one that the kernel chooses (repeatable)")
	flags.BoolVar(&p.Net, "allow-net", false, "in a sandbox, use the network as a whole, but no local sockets")
	flags.StringVar(&p.Seccomp, "seccomp", "", "system calls that are possible: `PROFILE` is default (what modules need), none, or the file of an OCI seccomp profile (default: none; in a sandbox default)")
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "chroot" {
			name = "root"
		}
		return pflag.NormalizedName(name)
	})
}

// spec returns what is done by namespaces and control groups.
func (f *isolationFlags) spec() (isolation.Config, error) {
	spec := f.limits.spec()
	network, err := isolation.ParseNetwork(f.net)
	if err != nil {
		return spec, fmt.Errorf("--net: %w", err)
	}
	spec.Net = network
	return spec, spec.Check()
}

// confinement returns what the helper does, as text for the boot record, and the
// working directory that is left for others to enter.
func (f *isolationFlags) confinement(workdir string, nativeExec bool) (text, dir string, err error) {
	c := ipc.NoConfinement()
	stagezero.Limits(func(resource int, soft, hard uint64) {
		c.Limits = append(c.Limits, ipc.Limit{Set: true, Resource: int32(resource), Soft: soft, Hard: hard})
	})
	for _, setting := range f.ulimits {
		limit, err := parseUlimit(setting)
		if err != nil {
			return "", "", fmt.Errorf("--ulimit %s: %w", setting, err)
		}
		c.Limits = append(c.Limits, limit)
	}
	if f.umask != "" {
		mask, err := strconv.ParseUint(f.umask, 8, 32)
		if err != nil || mask > 0o777 {
			return "", "", fmt.Errorf("--umask %s: not an octal number up to 777", f.umask)
		}
		c.Umask = int(mask)
	}
	if f.root != "" {
		if c.Root, err = filepath.Abs(f.root); err != nil {
			return "", "", err
		}
		if info, err := os.Stat(c.Root); err != nil || !info.IsDir() {
			return "", "", fmt.Errorf("--root %s: %w", f.root, cmpErr(err, unix.ENOTDIR))
		}
		c.Dir = filepath.Join("/", workdir)
		workdir = ""
	}
	if err := f.setUser(&c); err != nil {
		return "", "", err
	}
	if err := f.policy.Apply(&c); err != nil {
		return "", "", err
	}
	if nativeExec && (c.Sandbox != nil || c.Seccomp == "default") {
		return "", "", errors.New("--native-exec: native programs cannot run in a sandbox, nor with --seccomp default, which allows what modules need")
	}
	b, err := c.MarshalText()
	return string(b), workdir, err
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// setUser looks up user and groups.
func (f *isolationFlags) setUser(c *ipc.Confinement) error {
	name, group, only := strings.Cut(f.user, ":")
	if only && f.group != "" {
		return errors.New("--user with a group and --group: give one of them")
	}
	if f.group != "" {
		group = f.group
	}
	if name != "" {
		u, err := user.Lookup(name)
		if id, failure := strconv.ParseUint(name, 10, 32); failure == nil && id < math.MaxUint32 {
			if u, err = user.LookupId(name); err != nil { // a number needs no name
				u, err = &user.User{Uid: name, Gid: name}, nil
			}
		}
		if err != nil {
			return fmt.Errorf("--user %s: no such user", name)
		}
		c.UID, _ = strconv.Atoi(u.Uid)
		c.GID, _ = strconv.Atoi(u.Gid)
		c.SetGroups = true
		if ids, err := u.GroupIds(); err == nil && u.Username != "" && !only {
			for _, id := range ids {
				if n, err := strconv.Atoi(id); err == nil && n != c.GID {
					c.Groups = append(c.Groups, n)
				}
			}
			slices.Sort(c.Groups)
		}
	}
	if group == "" {
		if only {
			return fmt.Errorf("--user %s: no group after the colon", f.user)
		}
		return nil
	}
	g, err := user.LookupGroup(group)
	if id, failure := strconv.ParseUint(group, 10, 32); failure == nil && id < math.MaxUint32 {
		g, err = &user.Group{Gid: group}, nil
	}
	if err != nil {
		return fmt.Errorf("--group %s: no such group", group)
	}
	c.GID, _ = strconv.Atoi(g.Gid)
	return nil
}

// ulimitNames are those of getrlimit(2) in small letters.
var ulimitNames = []string{"cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks",
	"sigpending", "msgqueue", "nice", "rtprio", "rttime"} // by their numbers

func parseUlimit(setting string) (ipc.Limit, error) {
	name, values, ok := strings.Cut(setting, "=")
	resource := slices.Index(ulimitNames, strings.ToLower(name))
	switch {
	case !ok:
		return ipc.Limit{}, errors.New("want NAME=SOFT[:HARD]")
	case resource < 0:
		return ipc.Limit{}, fmt.Errorf("no resource %q; there are %s", name, strings.Join(ulimitNames, ", "))
	}
	soft, hard, both := strings.Cut(values, ":")
	if !both {
		hard = soft
	}
	l := ipc.Limit{Set: true, Resource: int32(resource)}
	var err error
	if l.Soft, err = parseLimit(soft); err != nil {
		return l, err
	}
	if l.Hard, err = parseLimit(hard); err != nil {
		return l, err
	}
	if l.Soft > l.Hard {
		return l, errors.New("the soft limit is above the hard one")
	}
	return l, nil
}

func parseLimit(s string) (uint64, error) {
	if s == "unlimited" || s == "-1" {
		return math.MaxUint64, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a number nor unlimited", s)
	}
	return n, nil
}
