//go:build linux && amd64

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/shlex"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"walisup/helper/module"
	"walisup/ipc"
	"walisup/supervisor"
)

// layerFlags say which layers stand between a module and the system calls.
type layerFlags struct {
	layers []string
	dirs   []string
}

func (l *layerFlags) register(flags *pflag.FlagSet) {
	l.registerLayers(flags)
	flags.StringArrayVar(&l.dirs, "dir", nil,
		"directory that a WASI module may use, `HOST[::GUEST]`; the module knows it as GUEST (default: as HOST) (repeatable)")
}

// registerLayers registers what decides which layers there are, but not what they do.
func (l *layerFlags) registerLayers(flags *pflag.FlagSet) {
	flags.StringArrayVar(&l.layers, "layer", nil,
		"put a layer, `'FILE [ARGUMENT...]'`, between the module and the system calls; the first one is nearest to the module (repeatable)")
}

// forModule returns the layers of the module at a path: those that were asked for and, if it
// is a WASI module that none of them serves, wasi.wasm, which is then the nearest.
func (l *layerFlags) forModule(path string) ([]ipc.Layer, error) {
	layers, err := l.parse()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(surface(path).Imports, ipc.WASINamespace) {
		if len(l.dirs) > 0 {
			return nil, fmt.Errorf("--dir: %s is no WASI module; it sees the directories that you see", path)
		}
		return layers, nil
	}
	for _, layer := range layers {
		if slices.ContainsFunc(surface(layer.Path).Exports, func(name string) bool {
			return strings.HasPrefix(name, ipc.WASINamespace+".")
		}) {
			if len(l.dirs) > 0 {
				return nil, fmt.Errorf("--dir: the WASI functions come from %s: give it the directories as arguments", layer.Path)
			}
			return layers, nil
		}
	}
	wasi := supervisor.SuppliedLayer(ipc.WASILayer)
	if wasi == "" {
		return nil, fmt.Errorf("%s is a WASI module, and the layer that serves it is not installed; make layers builds it", path)
	}
	if len(layers) == ipc.MaxLayers {
		return nil, fmt.Errorf("--layer: with %s there are more than %d layers", ipc.WASILayer, ipc.MaxLayers)
	}
	args := []string{ipc.WASILayer}
	for _, dir := range l.dirs {
		args = append(args, "--dir", dir)
	}
	return append([]ipc.Layer{{Path: wasi, Args: args}}, layers...), nil
}

// surface returns the surface of the module at a path, an empty one if it cannot be read.
func surface(path string) module.Surface {
	// Something that is no file is refused later, and must not make this wait.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return module.Surface{}
	}
	defer f.Close()
	return module.ReadSurface(f)
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
			if path := supervisor.SuppliedLayer(name); path != "" {
				return path, nil
			}
		}
	}
	return filepath.Abs(name)
}
