package module

import (
	"encoding/binary"
	"errors"
	"reflect"
	"testing"
)

func TestMarshal(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{"adapted": {}, "plain": {PlainTables: true}, "unshared": {Unshared: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := prepare(t, sample(), o)
			data, err := m.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			var got Module
			if err := got.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
			if a, b := m.Adaptations(), got.Adaptations(); !reflect.DeepEqual(a, b) || (len(a) == 0) != o.PlainTables {
				t.Errorf("adaptations %v, want %v", b, a)
			}
			if got.Signature(1) != m.Signature(1) {
				t.Error("signatures differ")
			}
			again, _ := got.MarshalBinary()
			if string(again) != string(data) {
				t.Error("encoding again gives other bytes")
			}
			want := reflect.ValueOf(m).Elem()
			have := reflect.ValueOf(&got).Elem()
			for i := range want.NumField() {
				f := want.Type().Field(i)
				if f.Name == "Binary" || !f.IsExported() {
					continue
				}
				a, b := want.Field(i), have.Field(i)
				if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
					continue
				}
				if f.Name == "Imports" || f.Name == "Support" {
					for j := range a.Len() {
						x, y := a.Index(j).Interface().(Import), b.Index(j).Interface().(Import)
						if x.Name != y.Name || x.Type.String() != y.Type.String() {
							t.Errorf("import %v, want %v", y, x)
						}
					}
					continue
				}
				if !reflect.DeepEqual(a.Interface(), b.Interface()) {
					t.Errorf("%s is %v, want %v", f.Name, b, a)
				}
			}
		})
	}
}

func TestUnmarshalDamaged(t *testing.T) {
	t.Parallel()
	m := prepare(t, sample(), Options{})
	data, _ := m.MarshalBinary()
	refused := func(what string, i int, data []byte) {
		t.Helper()
		var got Module
		if err := got.UnmarshalBinary(data); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s at %d: %v", what, i, err)
		}
	}
	for i := range data {
		refused("cut", i, data[:i])
		damaged := append([]byte(nil), data...)
		damaged[i] ^= 0x55
		refused("changed byte", i, damaged)
		if i < 12 {
			continue
		}
		// The same with a checksum that fits: it may be accepted, but must not panic or lie about sizes.
		binary.LittleEndian.PutUint32(damaged[8:], checksum(damaged[12:]))
		var got Module
		if err := got.UnmarshalBinary(damaged); err == nil {
			got.Signature(3)
			got.TableFunction(1)
			got.Adaptations()
			if uint64(len(got.ClassTable))+got.ClassAddress > uint64(got.MemoryPages)*PageSize {
				t.Errorf("byte %d: class table beyond the memory", i)
			}
		}
	}
	refused("trailing byte", len(data), append(append([]byte(nil), data...), 0))
}

func TestUnmarshalContradictory(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(m *Module){
		"minimum over maximum":      func(m *Module) { m.MinPages = m.MaxPages + 1 },
		"maximum over memory":       func(m *Module) { m.MaxPages = m.MemoryPages + 1 },
		"more than 4 GiB":           func(m *Module) { m.MemoryPages = 65537 },
		"class table too long":      func(m *Module) { m.ClassTable = make([]byte, PageSize+1) },
		"class table too low":       func(m *Module) { m.ClassAddress -= PageSize },
		"class table without need":  func(m *Module) { m.Adapted = false },
		"lowest use not on a page":  func(m *Module) { m.LowestUse = 17 },
		"stub that is not a module": func(m *Module) { m.Stub = []byte("stub") },
	} {
		m := prepare(t, sample(), Options{})
		change(m)
		data, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := new(Module).UnmarshalBinary(data); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
