package ipc

import (
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func fullBoot() Boot {
	return Boot{
		Module: "/srv/app.wasm", ModuleFD: 1010, CacheDir: "/var/cache/walisup",
		KeepDebug: true, PerfMap: true, PlainTables: true, NativeExec: true, Progress: true,
		CompileOnly: true, ListAdapted: true,
		Ignored: 1 << 63, Mask: math.MaxUint64, SetMask: true, NoFile: 1024,
		Name: "app", Compiled: true, Ready: true, Channel: true, Slot: 4096, Generation: 1<<24 - 1,
		Layers: []Layer{
			{Path: "/lib/audit.wasm", Args: []string{"audit.wasm", "2", "", "a \"b\"\n\xff"}}, {Path: "/lib/wasi.wasm", Args: []string{"w"}},
		},
		WASI:   []Layer{{Path: "/lib/wasi.wasm", Args: []string{"wasi.wasm", "--dir", "/::/"}}},
		Role:   RoleLayered,
		Limits: [4]Limit{{Set: true, Resource: 3, Soft: 8 << 20, Hard: math.MaxUint64}, {}, {}, {Set: true, Resource: 7, Soft: 1, Hard: 2}},
	}
}

func TestBootSurvivesEncoding(t *testing.T) {
	t.Parallel()
	full := fullBoot()
	cases := map[string]Boot{
		"every field set": full,
		"zero":            {},
		"no descriptor":   {Module: "/a", ModuleFD: -1},
		"longest path":    {Module: "/" + strings.Repeat("x", maxBootPath-1)},
	}
	// One flag at a time: a flag that shares a bit with another would show.
	for i, f := range full.flags() {
		_ = f
		var b Boot
		*b.flags()[i].field = true
		cases["flag "+string(rune('0'+i))] = b
	}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := want.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			got := fullBoot() // leftovers of an earlier use must not shine through
			if err := got.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestBootRefusesToEncode(t *testing.T) {
	t.Parallel()
	cases := map[string]Boot{
		"long path":       {Module: "/" + strings.Repeat("x", maxBootPath)},
		"NUL in path":     {CacheDir: "/a\x00b"},
		"relative path":   {Module: "app.wasm"},
		"bad descriptor":  {ModuleFD: -2},
		"huge descriptor": {ModuleFD: math.MaxInt32 + 1},
	}
	for name, b := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := b.MarshalBinary(); !errors.Is(err, ErrBoot) {
				t.Errorf("got %v, want ErrBoot", err)
			}
		})
	}
}

func TestBootRefusesDamagedRecords(t *testing.T) {
	t.Parallel()
	b := fullBoot()
	good, err := b.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	patch := func(offset int, value uint32) []byte {
		data := append([]byte(nil), good...)
		binary.LittleEndian.PutUint32(data[offset:], value)
		return data
	}
	cases := map[string][]byte{
		"empty":                nil,
		"header only":          good[:bootFixed],
		"too large":            make([]byte, MaxBoot+1),
		"other magic":          patch(0, 0x464c457f),
		"other version":        patch(4, bootVersion+1),
		"unknown role":         patch(4, bootVersion|(uint32(maxRole)+1)<<16),
		"size too small":       patch(8, uint32(len(good)-1)),
		"size too large":       patch(8, math.MaxUint32),
		"unknown flag":         patch(12, 1<<31),
		"descriptor -2":        patch(16, math.MaxUint32-1),
		"reserved word":        patch(20, 1),
		"limit half set":       patch(bootLimits+4, 2),
		"path longer than all": patch(bootFixed, math.MaxUint32),
		"path one too long":    patch(bootFixed, uint32(len(good)-bootFixed-3)),
		"path shorter":         patch(bootFixed, uint32(len(b.Module)-1)),
		"NUL in path":          patch(bootFixed+4, 0x0061002f),
		"trailing bytes":       append(patch(8, uint32(len(good)+1)), 0),
	}
	for i := range good {
		cases["cut at "+string(rune('0'+i/100))+string(rune('0'+i/10%10))+string(rune('0'+i%10))] = good[:i]
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := fullBoot()
			if err := got.UnmarshalBinary(data); !errors.Is(err, ErrBoot) {
				t.Fatalf("got %v, want ErrBoot", err)
			}
			if !reflect.DeepEqual(got, fullBoot()) {
				t.Error("a failed decode has changed the record")
			}
		})
	}
}

func FuzzBootUnmarshal(f *testing.F) {
	full := fullBoot()
	for _, b := range []Boot{{}, full, {Module: "/a", ModuleFD: -1}} {
		data, err := b.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var b Boot
		if b.UnmarshalBinary(data) != nil {
			return
		}
		// What is accepted has exactly one encoding.
		again, err := b.MarshalBinary()
		if err != nil {
			t.Fatalf("accepted %x, refuses to encode it: %v", data, err)
		}
		if string(again) != string(data) {
			t.Fatalf("accepted %x, encodes it as %x", data, again)
		}
	})
}
