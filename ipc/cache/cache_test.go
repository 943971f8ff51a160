package cache

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func sample() *Entry {
	return &Entry{Meta: []byte("meta"), Head: bytes.Repeat([]byte("head"), 999), Tail: nil,
		Names: []byte("names"), Code: bytes.Repeat([]byte{0xc3}, 5000)}
}

func TestStoreAndLoad(t *testing.T) {
	t.Parallel()
	d, err := Open(filepath.Join(t.TempDir(), "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	key := Key{1, 2, 3}
	if _, err := d.Load(key); !errors.Is(err, ErrAbsent) {
		t.Fatalf("load from an empty cache: %v", err)
	}
	want := sample()
	if err := d.Store(key, want); err != nil {
		t.Fatal(err)
	}
	got, err := d.Load(key)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range got.parts() {
		if !bytes.Equal(*part, *want.parts()[i]) {
			t.Errorf("part %d differs", i)
		}
	}
	if !bytes.Equal(got.Code, want.Code) {
		t.Error("code differs")
	}
}

func TestDamagedEntriesAreAbsent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	f, err := os.Create(whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(int(f.Fd()), sample()); err != nil {
		t.Fatal(err)
	}
	f.Close()
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(content)
	flipped[100] ^= 1
	huge := bytes.Clone(content)
	copy(huge[12:], "\xff\xff\xff\xff\xff\xff\xff\xff")
	for name, content := range map[string][]byte{
		"empty":          {},
		"header only":    content[:headerSize],
		"half":           content[:len(content)/2],
		"one byte short": content[:len(content)-1],
		"one byte more":  append(bytes.Clone(content), 0),
		"a bit flipped":  flipped,
		"huge sizes":     huge,
		"text":           bytes.Repeat([]byte("hello "), 99),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "entry")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			fd, err := unix.Open(path, unix.O_RDONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			if _, err := Map(fd); !errors.Is(err, ErrAbsent) {
				t.Errorf("got %v, want ErrAbsent", err)
			}
		})
	}
}

func TestFoldersOthersCanWriteToAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if d, err := Open(dir); err == nil {
		d.Close()
		t.Error("a directory of mode 0777 was accepted")
	}
}
