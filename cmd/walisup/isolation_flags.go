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
	flags.Var(&l.memory, "memory", "maximum memory of all processes together in bytes, or with k, m, g for powers of 1024, such as 512m; at least 8m; needs cgroups (default: no limit)")
	flags.Float64Var(&l.cpus, "cpus", 0, "maximum processor time of all processes together, a `number` of processors, such as 1.5; needs cgroups (default: no limit)")
	flags.Int64Var(&l.pids, "pids-limit", 0, "maximum `number` of threads, with about 5 of the helper for each process; at least 16; needs cgroups (default: no limit)")
}

func (l *limitFlags) config() isolation.Config {
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
	flags.StringArrayVar(&f.ulimits, "ulimit", nil, "resource limit `NAME=SOFT[:HARD]` of each process, in the units of setrlimit(2), such as nofile=100:200 or core=unlimited (repeatable)")
	flags.StringVar(&f.user, "user", "", "run as `USER[:GROUP]`, names or numbers, with the groups of the user or with GROUP only; needs root (default: the caller)")
	flags.StringVar(&f.group, "group", "", "run with a `group`, a name or a number; needs root (default: that of --user, or the caller's)")
	flags.StringVar(&f.root, "root", "", "make a `directory` the module's root directory; --workdir is a path below it; needs root")
	flags.StringVar(&f.umask, "umask", "", "file mode creation `mask`, octal (default: the caller's)")
	flags.StringVar(&f.net, "net", "", "`network`: host; none (loopback only); private (loopback and a link to the host); none and private need root (default: host)")
	flags.Uint16Var(&f.preserve, "preserve-fds", 0,
		"`number` of the caller's file descriptors from 3 on that the module inherits with --root, --user or --sandbox (default 0; without these flags all); not with --detach")
	p := &f.policy
	flags.BoolVar(&p.Sandbox, "sandbox", false, "allow no files, no network, no native programs and no privileges except those that --allow-... names; needs Linux 6.12")
	flags.StringArrayVar(&p.Read, "allow-read", nil, "allow the module to read the file or directory `PATH` and to execute modules there; implies --sandbox (repeatable)")
	flags.StringArrayVar(&p.Write, "allow-write", nil, "allow the module to read and write the file or directory `PATH`; implies --sandbox (repeatable)")
	flags.StringArrayVar(&p.Connect, "allow-connect", nil, "allow the module to connect to TCP port `PORT` of any host; implies --sandbox (repeatable)")
	flags.StringArrayVar(&p.Listen, "allow-listen", nil, "allow the module to listen on TCP port `PORT`, 0 for one that the kernel chooses; implies --sandbox (repeatable)")
	flags.BoolVar(&p.Net, "allow-net", false, "allow the module to use all of the network, but no Unix sockets; implies --sandbox")
	flags.StringVar(&p.Seccomp, "seccomp", "", "allow the system calls of a `PROFILE`: default (those that modules need), none (all calls), or the file of an OCI seccomp profile (default: none; with --sandbox default)")
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "chroot" {
			name = "root"
		}
		return pflag.NormalizedName(name)
	})
}

// config returns what is done by namespaces and cgroups.
func (f *isolationFlags) config() (isolation.Config, error) {
	config := f.limits.config()
	network, err := isolation.ParseNetwork(f.net)
	if err != nil {
		return config, fmt.Errorf("--net: %w", err)
	}
	config.Net = network
	return config, config.Check()
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
