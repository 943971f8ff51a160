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

// groups are the control groups of an instance: one for each controller of version
// 1, by its name, or one of version 2, whose name is empty.
type groups map[string]string // to its folder

// groupPrefix begins the names of our control groups.
const groupPrefix = "walisup-"

var made atomic.Uint64

// groupName returns a name that no other instance has.
func groupName() string {
	return fmt.Sprintf("%s%d-%d-%d", groupPrefix, os.Getpid(), made.Add(1), time.Now().UnixNano())
}

// resources says in the library's terms what spec asks for.
func resources(spec *Spec) *cgroups.Resources {
	r := &cgroups.Resources{SkipDevices: true, Memory: spec.Memory}
	if spec.CPUs != 0 {
		r.CpuPeriod = cpuPeriod
		r.CpuQuota = int64(spec.CPUs * cpuPeriod)
	}
	if spec.Pids != 0 {
		r.PidsLimit = &spec.Pids
	}
	return r
}

// cpuPeriod is what processor time is counted in, in microseconds; it is the
// kernel's default.
const cpuPeriod = 100_000

// controllers are those that spec needs.
func controllers(spec *Spec) (names []string) {
	if spec.Memory != 0 {
		names = append(names, "memory")
	}
	if spec.CPUs != 0 {
		names = append(names, "cpu")
	}
	if spec.Pids != 0 {
		names = append(names, "pids")
	}
	return names
}

// makeGroups makes control groups below the caller's own and sets their limits.
func makeGroups(spec *Spec) (groups, error) {
	g := groups{}
	name := groupName()
	if cgroups.IsCgroup2UnifiedMode() {
		own, err := cgroups.ParseCgroupFile("/proc/self/cgroup")
		if err != nil {
			return nil, fmt.Errorf("find the control group of walisup: %w", err)
		}
		// Not below our own: a group with processes in it cannot have groups with
		// controllers below it.
		g[""] = filepath.Join(fs2.UnifiedMountpoint, filepath.Dir(own[""]), name)
	} else {
		for _, controller := range controllers(spec) {
			own, err := cgroups.GetOwnCgroupPath(controller)
			if err != nil {
				return nil, fmt.Errorf("limits need the control group controller %s, which is not there: %w", controller, err)
			}
			g[controller] = filepath.Join(own, name)
		}
	}
	m, err := g.manager(spec)
	if err == nil {
		err = m.Apply(-1)
	}
	if err == nil {
		err = m.Set(resources(spec))
	}
	if err != nil {
		g.remove()
		return nil, denied(err)
	}
	return g, nil
}

// denied explains why control groups cannot be made.
func denied(err error) error {
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS) {
		return fmt.Errorf("limits need the right to make control groups, which root has and others if the group of walisup is delegated to them: %w", err)
	}
	return fmt.Errorf("limits: %w", err)
}

// manager returns the library's view of the groups.
func (g groups) manager(spec *Spec) (cgroups.Manager, error) {
	config := &cgroups.Cgroup{Resources: resources(spec)}
	if dir, ok := g[""]; ok {
		return fs2.NewManager(config, dir)
	}
	return fs.NewManager(config, g)
}

// groupsOf finds the control groups that we have made and a process is in.
func groupsOf(pid int) (groups, error) {
	paths, err := cgroups.ParseCgroupFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return nil, fmt.Errorf("find the control groups of process %d: %w", pid, err)
	}
	g := groups{}
	for controller, path := range paths {
		if !strings.HasPrefix(filepath.Base(path), groupPrefix) {
			continue
		}
		if controller == "" {
			g[""] = filepath.Join(fs2.UnifiedMountpoint, path)
			continue
		}
		root, err := cgroups.FindCgroupMountpoint("", controller)
		if err != nil {
			return nil, fmt.Errorf("find the control group %s: %w", path, err)
		}
		g[controller] = filepath.Join(root, path)
	}
	return g, nil
}

// enter moves the calling thread there, or returns where a child is to be born.
func (g groups) enter() (fd int, err error) {
	if dir, ok := g[""]; ok {
		fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, fmt.Errorf("enter control group %s: %w", dir, err)
		}
		return fd, nil
	}
	for _, dir := range g {
		if err := enterTasks(filepath.Join(dir, "tasks")); err != nil {
			return -1, denied(fmt.Errorf("enter control group %s: %w", dir, err))
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

// remove kills what is left in the groups and removes them.
func (g groups) remove() error {
	var failure error
	for _, dir := range g {
		if err := removeGroup(dir); err != nil && failure == nil {
			failure = err
		}
	}
	return failure
}

func removeGroup(dir string) error {
	var err error
	for range killRounds {
		err = unix.Rmdir(dir)
		switch err {
		case nil, unix.ENOENT:
			return nil
		case unix.EBUSY:
			killGroup(dir)
			time.Sleep(killPause)
		case unix.EINTR:
		default:
			return fmt.Errorf("remove control group %s: %w", dir, err)
		}
	}
	return fmt.Errorf("remove control group %s: %w (processes in it do not end)", dir, err)
}

// killGroup kills all processes of a control group.
func killGroup(dir string) {
	if os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0) == nil {
		return // Linux 5.14, version 2
	}
	pids, err := cgroups.GetAllPids(dir)
	if err != nil {
		return
	}
	for _, pid := range pids {
		unix.Kill(pid, unix.SIGKILL)
	}
}

// Groups are the control groups of an instance that runs.
type Groups struct{ groups }

// Of returns the control groups that walisup has made for the instance of a
// process, which was started with spec.
func Of(pid int, spec *Spec) Groups {
	if !spec.limited() {
		return Groups{} // any that it is in are others'
	}
	g, err := groupsOf(pid)
	if err != nil {
		return Groups{}
	}
	return Groups{g}
}

// Remove kills what is left in the groups and removes them.
func (g Groups) Remove() error { return g.remove() }

// Folders returns the folders of the groups, for [RemoveFolders].
func (g Groups) Folders() []string { return slices.Sorted(maps.Values(g.groups)) }

// RemoveFolders is [Groups.Remove] for groups of which only the folders are known. It
// leaves alone what has not the name of a group of ours.
func RemoveFolders(folders []string) error {
	g := groups{}
	for _, dir := range folders {
		if strings.HasPrefix(filepath.Base(dir), groupPrefix) {
			g[dir] = dir
		}
	}
	return g.remove()
}

// Update sets limits anew; those that are 0 stay as they are.
func (g Groups) Update(spec *Spec) error {
	for _, controller := range controllers(spec) {
		if g.groups[controller] == "" && g.groups[""] == "" {
			return fmt.Errorf("%s: %w", controller, ErrNoLimits)
		}
	}
	m, err := g.manager(spec)
	if err != nil {
		return err
	}
	r := resources(spec)
	if err := m.Set(r); err != nil {
		return denied(err)
	}
	return nil
}
