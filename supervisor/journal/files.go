package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// numbered returns the path of a journal's file.
func numbered(path string, n uint64) string { return fmt.Sprintf("%s.%06d", path, n) }

// numbers returns the numbers of a journal's files, the oldest first.
func numbers(path string) ([]uint64, error) {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var list []uint64
	for _, name := range names {
		digits, ok := strings.CutPrefix(name, filepath.Base(path)+".")
		if n, err := strconv.ParseUint(digits, 10, 63); ok && err == nil && numbered(path, n) == filepath.Join(filepath.Dir(path), name) {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list, nil
}
