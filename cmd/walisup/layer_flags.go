//go:build linux && amd64

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/shlex"
	"github.com/spf13/pflag"

	"walisup/ipc"
)

// layerFlags say which layers stand between a module and the system calls.
type layerFlags struct {
	layers []string
}

func (l *layerFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&l.layers, "layer", nil,
		"module that provides imports to the module, with its arguments, as in 'readonly.wasm /srv'; repeated: the first one is nearest to the module")
}

// parse returns the layers, whose paths are absolute.
func (l *layerFlags) parse() (layers []ipc.Layer, err error) {
	for _, text := range l.layers {
		words, err := shlex.Split(text)
		if err != nil {
			return nil, fmt.Errorf("--layer %s: %w", text, err)
		}
		if len(words) == 0 || words[0] == "" {
			return nil, fmt.Errorf("--layer %q names no module", text)
		}
		path, err := findLayer(words[0])
		if err != nil {
			return nil, fmt.Errorf("--layer %s: %w", text, err)
		}
		layers = append(layers, ipc.Layer{Path: path, Args: words})
	}
	if len(layers) > ipc.MaxLayers {
		return nil, fmt.Errorf("--layer: %d layers, at most %d are possible", len(layers), ipc.MaxLayers)
	}
	return layers, nil
}

// findLayer returns the absolute path of a layer. A name without a slash that is no file
// here is one of those that come with walisup.
func findLayer(name string) (string, error) {
	if !strings.Contains(name, "/") {
		if _, err := os.Stat(name); err != nil {
			if path := suppliedLayer(name); path != "" {
				return path, nil
			}
		}
	}
	return filepath.Abs(name)
}

// suppliedLayer finds a layer that comes with walisup, beside the program or where make
// install puts it. It returns "" if there is none of that name.
func suppliedLayer(name string) string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	dir := filepath.Dir(self)
	for _, folder := range []string{filepath.Join(dir, "layers"), filepath.Join(dir, "..", "lib", "walisup", "layers")} {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}
