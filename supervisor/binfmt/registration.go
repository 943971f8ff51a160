package binfmt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// Name is that of the registration.
	Name = "walisup"
	// Directory is where binfmt_misc is mounted by convention.
	Directory = "/proc/sys/fs/binfmt_misc"

	magic = "\x00asm\x01\x00\x00\x00" // a module, version 1
	// What walisup is registered with. P: argv[0] is kept. Not F: walisup needs its helper
	// beside it, which a container would not have. Not O: walisup opens the file as the user,
	// who must be able to read a module. Not C: a module's set-user-ID bit has no effect.
	pathFlags = "P"
	// What the helper is registered with. F: it is opened once and for all mount namespaces.
	// O: it gets the module open, which needs no path that the helper can see. The helper refuses
	// users who may not read it.
	fixedFlags = "POF"
	// longestLine is the kernel's MAX_REGISTER_LENGTH.
	longestLine = 1920
)

// Interpreter is what the kernel starts for a module.
type Interpreter struct {
	// Path is absolute.
	Path string
	// Fixed says that the kernel opens the program when it is registered and keeps it open, so
	// that it starts in every mount namespace, also where the path leads nowhere. The program
	// must then be the helper, which needs nothing else of walisup.
	Fixed bool
}

// Line returns what is written to binfmt_misc's register file, or to a file of
// /etc/binfmt.d, so that the kernel starts modules by an interpreter.
func Line(interpreter Interpreter) (string, error) {
	path, flags := interpreter.Path, pathFlags
	if interpreter.Fixed {
		flags = fixedFlags
	}
	if !filepath.IsAbs(path) || strings.ContainsAny(path, "\n\x00") {
		return "", fmt.Errorf("binfmt_misc cannot take %q as an interpreter", path)
	}
	for _, delimiter := range []string{":", "|", ",", ";", "!", "%"} {
		if strings.Contains(path, delimiter) {
			continue
		}
		// Escaped, so that the line is text. x must not be a delimiter.
		escaped := strings.ReplaceAll(fmt.Sprintf("% x", magic), " ", `\x`)
		line := strings.Join([]string{"", Name, "M", "0", `\x` + escaped, "", path, flags}, delimiter)
		if len(line) > longestLine {
			return "", fmt.Errorf("the path %s is too long for binfmt_misc", path)
		}
		return line, nil
	}
	return "", fmt.Errorf("the path %s has every character that could delimit it for binfmt_misc", path)
}

// Status is a registration as the kernel has it.
type Status struct {
	Registered  bool
	Enabled     bool // this registration and binfmt_misc as a whole
	Interpreter Interpreter
	// Text is the kernel's description.
	Text string
}

// Read returns what is registered in a mounted binfmt_misc.
func Read(directory string) (Status, error) {
	global, err := os.ReadFile(filepath.Join(directory, "status"))
	if err != nil {
		return Status{}, explain(directory, "read", err)
	}
	text, err := os.ReadFile(filepath.Join(directory, Name))
	if errors.Is(err, fs.ErrNotExist) {
		return Status{}, nil
	}
	if err != nil {
		return Status{}, explain(directory, "read", err)
	}
	s := Status{Registered: true, Text: string(text)}
	for line := range strings.Lines(s.Text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "enabled" {
			s.Enabled = strings.TrimSpace(string(global)) == "enabled"
		}
		if path, ok := strings.CutPrefix(line, "interpreter "); ok {
			s.Interpreter.Path = path
		}
		if flags, ok := strings.CutPrefix(line, "flags: "); ok {
			s.Interpreter.Fixed = strings.Contains(flags, "F")
		}
	}
	return s, nil
}

// Register makes the kernel start modules by an interpreter. A registration of
// the same name is replaced.
func Register(directory string, interpreter Interpreter) error {
	line, err := Line(interpreter)
	if err != nil {
		return err
	}
	if err := Unregister(directory); err != nil && !errors.Is(err, ErrNotRegistered) {
		return err
	}
	if err := write(filepath.Join(directory, "register"), line); err != nil {
		return explain(directory, "register", err)
	}
	return nil
}

// ErrNotRegistered says that there is nothing to remove.
var ErrNotRegistered = errors.New("walisup is not registered with binfmt_misc")

// Unregister removes the registration.
func Unregister(directory string) error {
	s, err := Read(directory)
	if err != nil {
		return err
	}
	if !s.Registered {
		return ErrNotRegistered
	}
	if err := write(filepath.Join(directory, Name), "-1"); err != nil {
		return explain(directory, "unregister", err)
	}
	return nil
}

// write writes without creating: binfmt_misc has no files but its own.
func write(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// explain says what to do about a failure.
func explain(directory, what string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, e := os.Stat(directory); e != nil {
			return fmt.Errorf("%s: this kernel has no binfmt_misc (try as root: modprobe binfmt_misc)", what)
		}
		return fmt.Errorf("%s: binfmt_misc is not mounted; run as root: mount -t binfmt_misc binfmt_misc %s", what, directory)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: only root may do this: %w", what, err)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%s: %s is mounted read-only here, as in most containers; do it on the host", what, directory)
	}
	return fmt.Errorf("%s: %w", what, err)
}
