package oci

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// CommandLine is runc's: global flags, a command, its flags and its arguments.
type CommandLine struct {
	Global    []string // flags before the command, ours taken out
	Command   string
	Flags     []string // flags after the command, those taken out that name what is changed
	Arguments []string // what follows them

	Root      string // --root
	Log       string // --log
	LogFormat string // --log-format
	Delegate  string // --delegate, ours: the runtime that does the work
	Cache     string // --cache, ours: the node's directory of compiled modules
	Bundle    string // --bundle of create and run; not among Flags
	Process   string // --process of exec; not among Flags
	Detach    bool   // --detach of run and exec
	Cwd       string // --cwd of exec
	Path      string // PATH of --env of exec, if any
	Help      bool
	Version   bool
}

// option is a flag that a command line may have, by any of its names.
type option struct {
	names  string // separated by spaces, the long one first
	isBool bool
	own    bool               // not handed on
	set    func(value string) // if somebody needs the value
}

// value collects what is handed on, in its order.
type value struct {
	option
	kept *[]string
}

func (v value) String() string   { return "" }
func (v value) IsBoolFlag() bool { return v.isBool }
func (v value) Set(text string) error {
	name, _, _ := strings.Cut(v.names, " ")
	kept := "--" + name + "=" + text
	if v.isBool {
		on, err := strconv.ParseBool(text)
		if err != nil {
			return err
		}
		if on {
			kept = "--" + name // crun takes no value here
		}
	}
	if v.set != nil {
		v.set(text)
	}
	if !v.own {
		*v.kept = append(*v.kept, kept)
	}
	return nil
}

func to(s *string) func(string)   { return func(text string) { *s = text } }
func toBool(b *bool) func(string) { return func(text string) { *b, _ = strconv.ParseBool(text) } }
func takes(names string) []option { return each(names, false) }
func switches(names ...string) []option {
	var list []option
	for _, name := range names {
		list = append(list, option{names: name, isBool: true})
	}
	return list
}

// each makes options without aliases that take a value.
func each(names string, isBool bool) []option {
	var list []option
	for name := range strings.FieldsSeq(names) {
		list = append(list, option{names: name, isBool: isBool})
	}
	return list
}

// parse reads flags as runc does: one or two dashes, the value after = or in the next word.
func parse(name string, args []string, options ...[]option) (kept, rest []string, err error) {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, list := range options {
		for _, o := range list {
			for name := range strings.FieldsSeq(o.names) {
				set.Var(value{o, &kept}, name, "")
			}
		}
	}
	if err := set.Parse(args); err != nil {
		return nil, nil, err
	}
	return kept, set.Args(), nil
}

// Parse reads a command line. It knows the flags of runc 1.0 to 1.3 and of crun 1: which of
// them take a value must be known to find the command. Only create, run and exec have flags
// that matter here; those of other commands are handed on unread.
func Parse(args []string) (*CommandLine, error) {
	c := CommandLine{LogFormat: "text"}
	help := option{names: "help h", isBool: true, set: toBool(&c.Help)}
	var rest []string
	var err error
	c.Global, rest, err = parse("walisup-oci", args, []option{
		{names: "root", set: to(&c.Root)},
		{names: "log", set: to(&c.Log)},
		{names: "log-format", set: to(&c.LogFormat)},
		{names: "delegate", own: true, set: to(&c.Delegate)},
		{names: "cache", own: true, set: to(&c.Cache)},
		{names: "version v", isBool: true, set: toBool(&c.Version)},
		help,
	}, takes("rootless criu log-level cgroup-manager"), switches("debug", "systemd-cgroup"))
	if err != nil {
		return nil, usage(err)
	}
	if len(rest) == 0 {
		return &c, nil
	}
	c.Command, c.Arguments = rest[0], rest[1:]
	var options [][]option
	switch c.Command {
	case "create", "run":
		c.Bundle = "."
		options = [][]option{{
			{names: "bundle b", own: true, set: to(&c.Bundle)},
			{names: "detach d", isBool: true, set: toBool(&c.Detach)},
		}, takes("console-socket pidfd-socket pid-file preserve-fds"),
			switches("no-pivot", "no-new-keyring", "keep", "no-subreaper")}
	case "exec":
		options = [][]option{{
			{names: "process p", own: true, set: to(&c.Process)},
			{names: "detach d", isBool: true, set: toBool(&c.Detach)},
			{names: "cwd", set: to(&c.Cwd)},
			{names: "env e", set: func(text string) {
				if path, ok := strings.CutPrefix(text, "PATH="); ok {
					c.Path = path
				}
			}},
			{names: "user u"}, {names: "additional-gids g"}, {names: "cap c"},
		}, takes("console-socket pidfd-socket pid-file process-label apparmor preserve-fds cgroup"),
			switches("tty t", "no-new-privs", "ignore-paused")}
	default:
		return &c, nil
	}
	c.Flags, c.Arguments, err = parse(c.Command, c.Arguments, append(options, []option{help})...)
	if err != nil {
		return nil, usage(fmt.Errorf("%s: %w", c.Command, err))
	}
	return &c, nil
}

// usage tells how to find out about an unknown flag.
func usage(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return fmt.Errorf("%w; see walisup-oci --help", err)
}
