package seccomp

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"walisup/wali"
)

// Host is what a profile in Docker's form may ask for.
type Host struct {
	Capabilities uint64 // of the guest, as bits
	Major, Minor int    // version of the kernel
}

// Profiles as they are written: the object linux.seccomp of the OCI runtime specification,
// with what Docker and podman add to it.
type (
	ociProfile struct {
		DefaultAction   string     `json:"defaultAction"`
		DefaultErrnoRet *uint      `json:"defaultErrnoRet"`
		DefaultErrno    string     `json:"defaultErrno"`
		Architectures   []string   `json:"architectures"`
		ArchMap         []ociArchs `json:"archMap"`
		Flags           []string   `json:"flags"`
		ListenerPath    string     `json:"listenerPath"`
		ListenerData    string     `json:"listenerMetadata"`
		Syscalls        []ociCalls `json:"syscalls"`
	}
	ociArchs struct {
		Architecture     string   `json:"architecture"`
		SubArchitectures []string `json:"subArchitectures"`
	}
	ociCalls struct {
		Name     string    `json:"name"`
		Names    []string  `json:"names"`
		Action   string    `json:"action"`
		ErrnoRet *uint     `json:"errnoRet"`
		Errno    string    `json:"errno"`
		Args     []ociArg  `json:"args"`
		Comment  string    `json:"comment"`
		Includes ociFilter `json:"includes"`
		Excludes ociFilter `json:"excludes"`
	}
	ociArg struct {
		Index    uint   `json:"index"`
		Value    uint64 `json:"value"`
		ValueTwo uint64 `json:"valueTwo"`
		Op       string `json:"op"`
	}
	ociFilter struct {
		Caps      []string `json:"caps"`
		Arches    []string `json:"arches"`
		MinKernel string   `json:"minKernel"`
	}
)

// ErrProfile is the error that every bad profile wraps.
var ErrProfile = errors.New("not a seccomp profile that can be used")

// ParseOCI reads a profile as container runtimes have it. What it cannot do it refuses: a
// profile that was half understood would protect less than its author thinks.
func ParseOCI(data []byte, host *Host) (*Profile, error) {
	var o ociProfile
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&o); err != nil {
		if bytes.Contains(data, []byte(`"ociVersion"`)) {
			err = errors.New("this is a container's whole configuration: the profile is its object linux.seccomp")
		}
		return nil, fmt.Errorf("%w: %w", ErrProfile, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: something follows it", ErrProfile)
	}
	p, err := o.profile(host)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProfile, err)
	}
	return p, nil
}

func (o *ociProfile) profile(host *Host) (*Profile, error) {
	if o.ListenerPath != "" || o.ListenerData != "" {
		return nil, errors.New("listenerPath: there is no agent that calls could be handed to")
	}
	for _, flag := range o.Flags {
		if flag != "SECCOMP_FILTER_FLAG_TSYNC" { // is always meant
			return nil, fmt.Errorf("flag %q is not supported", flag)
		}
	}
	if err := o.checkArchitecture(); err != nil {
		return nil, err
	}
	action, err := ociAction(o.DefaultAction, o.DefaultErrno, o.DefaultErrnoRet)
	if err != nil {
		return nil, fmt.Errorf("defaultAction: %w", err)
	}
	p := &Profile{Default: action}
	numbers := callNumbers()
	for i := range o.Syscalls {
		if err := p.add(&o.Syscalls[i], numbers, host); err != nil {
			return nil, fmt.Errorf("syscalls[%d]: %w", i, err)
		}
	}
	return p, p.settle()
}

// checkArchitecture refuses profiles that are not for this machine. Further ones that a
// profile names are left out: guests make no calls by their numbers, and whoever does is
// ended.
func (o *ociProfile) checkArchitecture() error {
	if o.Architectures != nil && o.ArchMap != nil {
		return errors.New("architectures and archMap: give one of them")
	}
	all := o.Architectures
	for _, entry := range o.ArchMap {
		all = append(all, entry.Architecture)
	}
	if len(all) > 0 && !slices.Contains(all, ociArch) {
		return fmt.Errorf("it is for %s, this machine is %s", strings.Join(all, ", "), ociArch)
	}
	for _, name := range all {
		if !strings.HasPrefix(name, "SCMP_ARCH_") {
			return fmt.Errorf("no architecture %q", name)
		}
	}
	return nil
}

// ociActions are the actions that have no value.
var ociActions = map[string]Action{
	"SCMP_ACT_ALLOW":        Allow,
	"SCMP_ACT_LOG":          Log,
	"SCMP_ACT_TRAP":         Trap,
	"SCMP_ACT_KILL":         KillThread,
	"SCMP_ACT_KILL_THREAD":  KillThread,
	"SCMP_ACT_KILL_PROCESS": KillProcess,
}

func ociAction(name, errnoName string, errnoRet *uint) (Action, error) {
	if action, ok := ociActions[name]; ok {
		if errnoRet != nil && *errnoRet != 0 || errnoName != "" {
			return 0, fmt.Errorf("%s has no error number", name)
		}
		return action, nil
	}
	value := uint(unix.EPERM)
	if errnoName != "" {
		e, ok := errnoOf(errnoName)
		if !ok {
			return 0, fmt.Errorf("no error %q", errnoName)
		}
		value = uint(e)
	}
	if errnoRet != nil {
		if errnoName != "" && *errnoRet != value {
			return 0, fmt.Errorf("errno %s and errnoRet %d differ", errnoName, *errnoRet)
		}
		value = *errnoRet
	}
	switch {
	case name == "SCMP_ACT_ERRNO" && value > mostErrno:
		return 0, fmt.Errorf("error number %d: there are 0 to %d", value, mostErrno)
	case name == "SCMP_ACT_ERRNO":
		return Errno(unix.Errno(value)), nil
	case name == "SCMP_ACT_TRACE" && value <= 1<<16-1:
		return trace(uint16(value)), nil
	case name == "SCMP_ACT_NOTIFY":
		return 0, errors.New("SCMP_ACT_NOTIFY: there is no agent that calls could be handed to")
	}
	return 0, fmt.Errorf("no action %q", name)
}

// mostErrno is the highest error number: MAX_ERRNO of linux/err.h.
const mostErrno = 4095

func errnoOf(name string) (unix.Errno, bool) {
	for e := unix.Errno(1); e < 256; e++ {
		if unix.ErrnoName(e) == name {
			return e, true
		}
	}
	return 0, false
}

// add adds one entry's rules.
func (p *Profile) add(entry *ociCalls, numbers map[string]uint32, host *Host) error {
	applies, err := entry.applies(host)
	if err != nil || !applies {
		return err
	}
	names := entry.Names
	if entry.Name != "" {
		if len(names) > 0 {
			return errors.New("name and names: give one of them")
		}
		names = []string{entry.Name}
	}
	if len(names) == 0 {
		return errors.New("names no call")
	}
	action, err := ociAction(entry.Action, entry.Errno, entry.ErrnoRet)
	if err != nil {
		return err
	}
	lists, err := conditions(entry.Args)
	if err != nil {
		return err
	}
	if action == p.Default {
		return nil // as in the reference, such a rule takes nothing from others
	}
	for _, name := range names {
		call, ok := numbers[name]
		if !ok {
			if action.severity() < p.Default.severity() {
				return fmt.Errorf("%s: no such call is known, and to leave it out would allow it", name)
			}
			continue
		}
		for _, list := range lists {
			p.Rules = append(p.Rules, Rule{Call: call, Action: action, If: list})
		}
	}
	return nil
}

// applies reports whether an entry is meant for the host.
func (entry *ociCalls) applies(host *Host) (bool, error) {
	in, out := &entry.Includes, &entry.Excludes
	for _, arch := range out.Arches {
		if arch == runtime.GOARCH {
			return false, nil
		}
	}
	if len(in.Arches) > 0 && !slices.Contains(in.Arches, runtime.GOARCH) {
		return false, nil
	}
	for _, name := range out.Caps {
		if has, err := host.has(name); err != nil || has {
			return false, err
		}
	}
	for _, name := range in.Caps {
		if has, err := host.has(name); err != nil || !has {
			return false, err
		}
	}
	if out.MinKernel != "" {
		if newer, err := host.atLeast(out.MinKernel); err != nil || newer {
			return false, err
		}
	}
	if in.MinKernel != "" {
		return host.atLeast(in.MinKernel)
	}
	return true, nil
}

func (h *Host) has(name string) (bool, error) {
	n := slices.Index(capabilityNames, strings.TrimPrefix(strings.ToUpper(name), "CAP_"))
	if n < 0 {
		return false, fmt.Errorf("no capability %q", name)
	}
	return h.Capabilities>>n&1 != 0, nil
}

func (h *Host) atLeast(version string) (bool, error) {
	first, second, ok := strings.Cut(version, ".")
	major, err := strconv.Atoi(first)
	minor, err2 := strconv.Atoi(second)
	if !ok || cmp.Or(err, err2) != nil {
		return false, fmt.Errorf("minKernel %q is no version as 4.8 is", version)
	}
	return h.Major > major || h.Major == major && h.Minor >= minor, nil
}

// capabilityNames are those of capabilities(7) by their numbers.
var capabilityNames = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
	NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT
	SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
	MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

var ociOps = map[string]Op{
	"SCMP_CMP_NE": NotEqual, "SCMP_CMP_LT": Less, "SCMP_CMP_LE": LessEqual, "SCMP_CMP_EQ": Equal,
	"SCMP_CMP_GE": GreaterEqual, "SCMP_CMP_GT": Greater, "SCMP_CMP_MASKED_EQ": Masked,
}

// conditions returns lists of conditions, of which one must hold. As in the reference, all
// of an entry's conditions must hold together, unless there are several about the same
// argument: then each is one of its own.
func conditions(args []ociArg) (lists [][]Condition, err error) {
	if len(args) == 0 {
		return [][]Condition{nil}, nil
	}
	var all []Condition
	var seen [6]int
	for _, a := range args {
		op, ok := ociOps[a.Op]
		if !ok {
			return nil, fmt.Errorf("no comparison %q", a.Op)
		}
		if a.Index > 5 {
			return nil, fmt.Errorf("a call has arguments 0 to 5, not %d", a.Index)
		}
		c := Condition{Arg: int(a.Index), Op: op, Value: a.Value}
		if op == Masked {
			c.Mask, c.Value = a.Value, a.ValueTwo
		}
		all = append(all, c)
		seen[a.Index]++
	}
	if slices.Max(seen[:]) < 2 {
		return [][]Condition{all}, nil
	}
	for _, c := range all {
		lists = append(lists, []Condition{c})
	}
	return lists, nil
}

// settle orders the rules of each call so that the most severe comes first. A rule without
// conditions takes the place of others with the same action.
func (p *Profile) settle() error {
	always := map[uint32]Action{}
	for _, r := range p.Rules {
		if len(r.If) > 0 {
			continue
		}
		if other, ok := always[r.Call]; ok && other != r.Action {
			return fmt.Errorf("call %d has two rules without conditions and with different actions", r.Call)
		}
		always[r.Call] = r.Action
	}
	for _, r := range p.Rules {
		if action, ok := always[r.Call]; ok && action != r.Action {
			return fmt.Errorf("call %d has a rule without conditions, and one with conditions and another action: runtimes differ on which counts", r.Call)
		}
	}
	done := map[uint32]bool{}
	p.Rules = slices.DeleteFunc(p.Rules, func(r Rule) bool {
		_, ok := always[r.Call]
		defer func() { done[r.Call] = done[r.Call] || len(r.If) == 0 }()
		return ok && (len(r.If) > 0 || done[r.Call])
	})
	slices.SortStableFunc(p.Rules, func(a, b Rule) int { return cmp.Compare(a.Action.severity(), b.Action.severity()) })
	return nil
}

// callNumbers are the numbers of all calls of this machine by their names.
func callNumbers() map[string]uint32 {
	numbers := map[string]uint32{
		"lsm_get_self_attr": unix.SYS_LSM_GET_SELF_ATTR, "lsm_set_self_attr": unix.SYS_LSM_SET_SELF_ATTR,
		"lsm_list_modules": unix.SYS_LSM_LIST_MODULES, "mseal": unix.SYS_MSEAL, "setxattrat": unix.SYS_SETXATTRAT,
		"getxattrat": unix.SYS_GETXATTRAT, "listxattrat": unix.SYS_LISTXATTRAT, "removexattrat": unix.SYS_REMOVEXATTRAT,
		"open_tree_attr": unix.SYS_OPEN_TREE_ATTR,
		"file_getattr":   468, "file_setattr": 469, // Linux 6.17
	}
	for _, row := range wali.Table() {
		if n := number(row.NR); n >= 0 {
			numbers[row.Name] = uint32(n)
		}
	}
	return numbers
}
