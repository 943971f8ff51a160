package ipc

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Confinement is what a helper does to itself before its guest runs, because it can
// still start with the rights that this takes. It holds for all processes that come
// from it.
type Confinement struct {
	Limits []Limit // resource limits; all are Set
	Root   string  // what the guest's / is to be, absolute; empty for ours
	Dir    string  // working directory inside of Root, absolute; empty for none
	Umask  int     // -1 for ours

	UID, GID int   // -1 for ours
	Groups   []int // further groups, if SetGroups

	SetGroups bool

	// Sandbox is all that the guest can reach; nil if the kernel is not to be asked
	// for one.
	Sandbox *Sandbox

	// Seccomp is what the filters come from, for people: a profile's name or file.
	Seccomp string

	// Filters are seccomp programs, each an array of struct sock_filter. A call must
	// pass all of them.
	Filters [][]byte
}

// Sandbox is what a guest that begins with nothing has in addition.
type Sandbox struct {
	// Read and Write are paths of files and hierarchies as the guest sees them:
	// absolute, clean and without symbolic links. Write includes reading.
	Read, Write []string

	// Connect and Listen are TCP ports. They mean nothing with Net.
	Connect, Listen []uint16

	Net bool // the network as a whole
}

// Isolates reports whether the confinement keeps the guest from what uid, who starts
// it, can reach. Its helpers get no cache directory, no other directory either and,
// unless asked for, none of the caller's descriptors.
func (c *Confinement) Isolates(uid int) bool {
	return c.Root != "" || c.Sandbox != nil || c.UID >= 0 && c.UID != uid
}

// ErrConfinement is the error that every bad confinement wraps.
var ErrConfinement = errors.New("bad confinement")

// NoConfinement is the confinement that changes nothing.
func NoConfinement() Confinement { return Confinement{Umask: -1, UID: -1, GID: -1} }

// MarshalText encodes the confinement for the boot record: a line for each thing to
// do, empty for nothing.
func (c *Confinement) MarshalText() ([]byte, error) {
	var b []byte
	for _, l := range c.Limits {
		b = fmt.Appendf(b, "limit %d %d %d\n", l.Resource, l.Soft, l.Hard)
	}
	if c.Root != "" {
		b = fmt.Appendf(b, "root %q\n", c.Root)
	}
	if c.Dir != "" {
		b = fmt.Appendf(b, "dir %q\n", c.Dir)
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"umask", c.Umask}, {"gid", c.GID}, {"uid", c.UID}} {
		if n.value >= 0 {
			b = fmt.Appendf(b, "%s %d\n", n.name, n.value)
		}
	}
	if c.SetGroups {
		b = append(b, "groups"...)
		for _, id := range c.Groups {
			b = fmt.Appendf(b, " %d", id)
		}
		b = append(b, '\n')
	}
	if s := c.Sandbox; s != nil {
		b = s.appendText(b)
	}
	if c.Seccomp != "" {
		b = fmt.Appendf(b, "seccomp %q\n", c.Seccomp)
	}
	for _, filter := range c.Filters {
		b = append(b, "filter "...)
		b = base64.StdEncoding.AppendEncode(b, filter)
		b = append(b, '\n')
	}
	return b, nil
}

func (s *Sandbox) appendText(b []byte) []byte {
	b = append(b, "sandbox\n"...)
	for _, list := range []struct {
		word  string
		paths []string
	}{{"read", s.Read}, {"write", s.Write}} {
		for _, path := range list.paths {
			b = fmt.Appendf(b, "%s %q\n", list.word, path)
		}
	}
	for _, list := range []struct {
		word  string
		ports []uint16
	}{{"connect", s.Connect}, {"listen", s.Listen}} {
		for _, port := range list.ports {
			b = fmt.Appendf(b, "%s %d\n", list.word, port)
		}
	}
	if s.Net {
		b = append(b, "net\n"...)
	}
	return b
}

// UnmarshalText decodes what MarshalText has made, or anyone else.
func (c *Confinement) UnmarshalText(text []byte) error {
	got := NoConfinement()
	for line := range strings.Lines(string(text)) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if err := got.parse(word, rest); err != nil {
			return fmt.Errorf("%w: %q: %w", ErrConfinement, line, err)
		}
	}
	*c = got
	return nil
}

func (c *Confinement) parse(word, rest string) (err error) {
	switch word {
	case "limit":
		numbers := strings.Fields(rest)
		if len(numbers) != 3 {
			return errors.New("want three numbers")
		}
		resource, err := strconv.ParseInt(numbers[0], 10, 32)
		if err != nil {
			return err
		}
		l := Limit{Set: true, Resource: int32(resource)}
		if l.Soft, err = strconv.ParseUint(numbers[1], 10, 64); err != nil {
			return err
		}
		if l.Hard, err = strconv.ParseUint(numbers[2], 10, 64); err != nil {
			return err
		}
		c.Limits = append(c.Limits, l)
	case "root", "dir":
		path, err := parsePath(rest)
		if err != nil {
			return err
		}
		if word == "root" {
			c.Root = path
		} else {
			c.Dir = path
		}
	case "umask":
		c.Umask, err = parseID(rest)
	case "uid":
		c.UID, err = parseID(rest)
	case "gid":
		c.GID, err = parseID(rest)
	case "groups":
		c.SetGroups = true
		for number := range strings.FieldsSeq(rest) {
			id, err := parseID(number)
			if err != nil {
				return err
			}
			c.Groups = append(c.Groups, id)
		}
	case "sandbox":
		if rest != "" || c.Sandbox != nil {
			return errors.New("want it once, with nothing after it")
		}
		c.Sandbox = &Sandbox{}
	case "read", "write", "connect", "listen", "net":
		if c.Sandbox == nil {
			return errors.New("only after sandbox")
		}
		return c.Sandbox.parse(word, rest)
	case "seccomp":
		c.Seccomp, err = strconv.Unquote(rest)
	case "filter":
		filter, err := base64.StdEncoding.Strict().DecodeString(rest)
		if err != nil {
			return err
		}
		if n := len(filter); n == 0 || n%FilterInstruction != 0 || n/FilterInstruction > MaxFilter {
			return fmt.Errorf("%d bytes are no filter", n)
		}
		c.Filters = append(c.Filters, filter)
	default:
		return errors.New("unknown")
	}
	return err
}

func (s *Sandbox) parse(word, rest string) error {
	switch word {
	case "read", "write":
		path, err := parsePath(rest)
		if err != nil {
			return err
		}
		if word == "read" {
			s.Read = append(s.Read, path)
		} else {
			s.Write = append(s.Write, path)
		}
	case "connect", "listen":
		port, err := strconv.ParseUint(rest, 10, 16)
		if err != nil {
			return err
		}
		if word == "connect" {
			s.Connect = append(s.Connect, uint16(port))
		} else {
			s.Listen = append(s.Listen, uint16(port))
		}
	default: // net
		if rest != "" {
			return errors.New("want nothing after it")
		}
		s.Net = true
	}
	return nil
}

// FilterInstruction is the size of a struct sock_filter, and MaxFilter how many of
// them the kernel takes (BPF_MAXINSNS).
const (
	FilterInstruction = 8
	MaxFilter         = 4096
)

// parsePath reads a quoted absolute path.
func parsePath(quoted string) (string, error) {
	path, err := strconv.Unquote(quoted)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(path, "/") || strings.IndexByte(path, 0) >= 0 {
		return "", errors.New("not an absolute path")
	}
	return path, nil
}

// parseID reads a number that fits uid_t and is not its -1.
func parseID(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err == nil && n == 1<<32-1 {
		err = errors.New("out of range")
	}
	return int(n), err
}
