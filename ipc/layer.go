package ipc

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Layer is a module that provides imports to what is above it.
type Layer struct {
	// Path is the absolute path of its file, for messages.
	Path string

	// Args are the arguments of its layer_main, from argv[0] on.
	Args []string
}

const (
	// MaxLayers is how many layers a process can have.
	MaxLayers = 8

	// maxLayersText is the largest encoded size of all layers together, in bytes.
	maxLayersText = 64 << 10
)

// Role is what a module is compiled for.
type Role uint16

const (
	RoleAlone   Role = iota // a program without layers, which imports from wali alone
	RoleLayered             // a program above layers, which may import from any namespace
	roleLayer               // the first layer
)

const maxRole = roleLayer + MaxLayers - 1

// RoleLayer is the role of a layer that has a number of others below it. So a layer that is
// put on top of others, as an execve does, changes nothing for them.
func RoleLayer(below int) Role { return roleLayer + Role(below) }

// Layer returns what RoleLayer was given; ok is false for programs.
func (r Role) Layer() (below int, ok bool) { return int(r) - int(roleLayer), r >= roleLayer }

// Known reports whether there is such a role.
func (r Role) Known() bool { return r <= maxRole }

// Below returns how many layers are below the one at a place of Layers.
func (b *Boot) Below(place int) int { return len(b.Layers) - 1 - place }

// The layer that serves WASI modules: the file's name, and the namespace that they import
// from.
const (
	WASILayer     = "wasi.wasm"
	WASINamespace = "wasi_snapshot_preview1"
)

// LayerDirectories is where the layers that come with walisup are looked for, given the
// directory of a program of walisup: beside it, as make puts it, or where make install does.
func LayerDirectories(programs string) []string {
	return []string{filepath.Join(programs, "layers"), filepath.Join(programs, "..", "lib", "walisup", "layers"),
		filepath.Join(programs, "..", "..", "lib", "walisup", "layers")}
}

// Name is what messages call the layer.
func (l *Layer) Name() string { return l.Path[strings.LastIndexByte(l.Path, '/')+1:] }

// encodeLayers writes the layers as quoted strings: for each its path, how many arguments it
// has, and these. There is no NUL in the text.
func encodeLayers(layers []Layer) string {
	var b []byte
	for _, l := range layers {
		b = strconv.AppendQuote(b, l.Path)
		b = strconv.AppendInt(append(b, ' '), int64(len(l.Args)), 10)
		for _, arg := range l.Args {
			b = strconv.AppendQuote(append(b, ' '), arg)
		}
		b = append(b, '\n')
	}
	return string(b)
}

// decodeLayers reads what encodeLayers wrote, or anyone.
func decodeLayers(text string) (layers []Layer, err error) {
	whole := text
	bad := fmt.Errorf("%w: unreadable layers", ErrBoot)
	quoted := func() (s string, ok bool) {
		prefix, err := strconv.QuotedPrefix(text)
		if err != nil {
			return "", false
		}
		text = text[len(prefix):]
		s, err = strconv.Unquote(prefix)
		return s, err == nil && strings.IndexByte(s, 0) < 0
	}
	for text != "" {
		path, ok := quoted()
		if !ok || len(path) == 0 || path[0] != '/' || len(layers) == MaxLayers {
			return nil, bad
		}
		end := strings.IndexAny(text[min(1, len(text)):], " \n") + 1
		if end < 2 || text[0] != ' ' {
			return nil, bad
		}
		n, err := strconv.ParseUint(text[1:end], 10, 16)
		if err != nil {
			return nil, bad
		}
		text = text[end:]
		l := Layer{Path: path}
		for range n {
			if text == "" || text[0] != ' ' {
				return nil, bad
			}
			text = text[1:]
			arg, ok := quoted()
			if !ok {
				return nil, bad
			}
			l.Args = append(l.Args, arg)
		}
		if text == "" || text[0] != '\n' {
			return nil, bad
		}
		text = text[1:]
		layers = append(layers, l)
	}
	if encodeLayers(layers) != whole { // a string can be quoted in several ways
		return nil, bad
	}
	return layers, nil
}
