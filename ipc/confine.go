package ipc

import (
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
	return b, nil
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
		path, err := strconv.Unquote(rest)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(path, "/") || strings.IndexByte(path, 0) >= 0 {
			return errors.New("not an absolute path")
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
	default:
		return errors.New("unknown")
	}
	return err
}

// parseID reads a number that fits uid_t and is not its -1.
func parseID(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err == nil && n == 1<<32-1 {
		err = errors.New("out of range")
	}
	return int(n), err
}
