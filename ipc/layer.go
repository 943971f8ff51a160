package ipc

import (
	"fmt"
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

// RoleLayer is the role of the layer at a place of Boot.Layers.
func RoleLayer(place int) Role { return roleLayer + Role(place) }

// Layer returns the place that RoleLayer was given; ok is false for programs.
func (r Role) Layer() (place int, ok bool) { return int(r) - int(roleLayer), r >= roleLayer }

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
