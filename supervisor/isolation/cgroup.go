package isolation

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs"
	"github.com/opencontainers/cgroups/fs2"
	"golang.org/x/sys/unix"
)

// Cgroups are the cgroups of an instance: their directories, by the controller's name in
// version 1, and by an empty name in version 2. A nil map is an instance without.
type Cgroups map[string]string

// cgroupPrefix begins the names of our cgroups.
const cgroupPrefix = "walisup-"

var made atomic.Uint64

// cgroupName returns a name that no other instance has.
func cgroupName() string {
	return fmt.Sprintf("%s%d-%d-%d", cgroupPrefix, os.Getpid(), made.Add(1), time.Now().UnixNano())
}

// resources says in the library's terms what config asks for.
func resources(config *Config) *cgroups.Resources {
	r := &cgroups.Resources{SkipDevices: true, Memory: config.Memory}
	if config.CPUs != 0 {
		r.CpuPeriod = cpuPeriod
		r.CpuQuota = int64(config.CPUs * cpuPeriod)
	}
	if config.Pids != 0 {
		r.PidsLimit = &config.Pids
	}
	return r
}

// cpuPeriod is what processor time is counted in, in microseconds; it is the
// kernel's default.
const cpuPeriod = 100_000

// controllers are those that config needs.
func controllers(config *Config) (names []string) {
	if config.Memory != 0 {
		names = append(names, "memory")
	}
	if config.CPUs != 0 {
		names = append(names, "cpu")
	}
	if config.Pids != 0 {
		names = append(names, "pids")
	}
	return names
}

// makeCgroups makes cgroups below the caller's own and sets their limits.
func makeCgroups(config *Config) (Cgroups, error) {
	c := Cgroups{}
	name := cgroupName()
	if cgroups.IsCgroup2UnifiedMode() {
		own, err := cgroups.ParseCgroupFile("/proc/self/cgroup")
		if err != nil {
			return nil, fmt.Errorf("find the cgroup of walisup: %w", err)
		}
		// Not below our own: a group with processes in it cannot have groups with
		// controllers below it.
		c[""] = filepath.Join(fs2.UnifiedMountpoint, filepath.Dir(own[""]), name)
	} else {
		for _, controller := range controllers(config) {
			own, err := cgroups.GetOwnCgroupPath(controller)
			if err != nil {
				return nil, fmt.Errorf("limits need the cgroup controller %s, which is not there: %w", controller, err)
			}
			c[controller] = filepath.Join(own, name)
		}
	}
	m, err := c.manager(config)
	if err == nil {
		err = m.Apply(-1)
	}
	if err == nil {
		err = m.Set(resources(config))
	}
	if err != nil {
		c.Remove()
		return nil, denied(err)
	}
	return c, nil
}

// denied explains why cgroups cannot be made.
func denied(err error) error {
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS) {
		return fmt.Errorf("limits need the right to make cgroups, which root has and others if the cgroup of walisup is delegated to them: %w", err)
	}
	return fmt.Errorf("limits: %w", err)
}

// manager returns the library's view of the cgroups.
func (c Cgroups) manager(config *Config) (cgroups.Manager, error) {
	group := &cgroups.Cgroup{Resources: resources(config)}
	if dir, ok := c[""]; ok {
		return fs2.NewManager(group, dir)
	}
	return fs.NewManager(group, c)
}

// cgroupsOf finds the cgroups that we have made and a process is in.
func cgroupsOf(pid int) (Cgroups, error) {
	paths, err := cgroups.ParseCgroupFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return nil, fmt.Errorf("find the cgroups of process %d: %w", pid, err)
	}
	c := Cgroups{}
	for controller, path := range paths {
		if !strings.HasPrefix(filepath.Base(path), cgroupPrefix) {
			continue
		}
		if controller == "" {
			c[""] = filepath.Join(fs2.UnifiedMountpoint, path)
			continue
		}
		root, err := cgroups.FindCgroupMountpoint("", controller)
		if err != nil {
			return nil, fmt.Errorf("find the cgroup %s: %w", path, err)
		}
		c[controller] = filepath.Join(root, path)
	}
	return c, nil
}

// enter moves the calling thread there, or returns where a child is to be born.
func (c Cgroups) enter() (fd int, err error) {
	if dir, ok := c[""]; ok {
		fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, fmt.Errorf("enter cgroup %s: %w", dir, err)
		}
		return fd, nil
	}
	for _, dir := range c {
		if err := enterTasks(filepath.Join(dir, "tasks")); err != nil {
			return -1, denied(fmt.Errorf("enter cgroup %s: %w", dir, err))
		}
	}
	return -1, nil
}

// enterTasks writes the calling thread's id to a file.
func enterTasks(file string) error {
	fd, err := unix.Open(file, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(strconv.Itoa(unix.Gettid())))
	return err
}

// killPause is how long killed processes get to end before the next look, and
// killRounds how often there is one.
const (
	killPause  = 5 * time.Millisecond
	killRounds = 400
)

// Remove kills what is left in the cgroups and removes them.
func (c Cgroups) Remove() error {
	var failure error
	for _, dir := range c {
		if err := removeCgroup(dir); err != nil && failure == nil {
			failure = err
		}
	}
	return failure
}

func removeCgroup(dir string) error {
	var err error
	for range killRounds {
		err = unix.Rmdir(dir)
		switch err {
		case nil, unix.ENOENT:
			return nil
		case unix.EBUSY:
			killCgroup(dir)
			time.Sleep(killPause)
		case unix.EINTR:
		default:
			return fmt.Errorf("remove cgroup %s: %w", dir, err)
		}
	}
	return fmt.Errorf("remove cgroup %s: %w (processes in it do not end)", dir, err)
}

// killCgroup kills all processes of a cgroup but the calling one, of which a thread that
// has started something there may not have ended yet, see [Objects.Enter].
func killCgroup(dir string) {
	if os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0) == nil {
		return // Linux 5.14, version 2
	}
	pids, err := cgroups.GetAllPids(dir)
	if err != nil {
		return
	}
	for _, pid := range pids {
		if pid != os.Getpid() {
			unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// Of returns the cgroups that walisup has made for the instance of a
// process, which was started with config.
func Of(pid int, config *Config) Cgroups {
	if !config.limited() {
		return nil // any that it is in are others'
	}
	c, err := cgroupsOf(pid)
	if err != nil {
		return nil
	}
	return c
}

// Directories returns the directories of the cgroups, for [RemoveDirectories].
func (c Cgroups) Directories() []string { return slices.Sorted(maps.Values(c)) }

// RemoveDirectories is [Cgroups.Remove] for cgroups of which only the directories are
// known. It leaves alone what has not the name of a cgroup of ours.
func RemoveDirectories(dirs []string) error {
	c := Cgroups{}
	for _, dir := range dirs {
		if strings.HasPrefix(filepath.Base(dir), cgroupPrefix) {
			c[dir] = dir
		}
	}
	return c.Remove()
}

// Update sets limits anew; those that are 0 stay as they are.
func (c Cgroups) Update(config *Config) error {
	for _, controller := range controllers(config) {
		if c[controller] == "" && c[""] == "" {
			return fmt.Errorf("%s: %w", controller, ErrNoLimits)
		}
	}
	m, err := c.manager(config)
	if err != nil {
		return err
	}
	r := resources(config)
	if err := m.Set(r); err != nil {
		return denied(err)
	}
	return nil
}
