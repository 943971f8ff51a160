package instance

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"walisup/supervisor/procfs"
)

// fillValue puts something other than zero into every field.
func fillValue(v reflect.Value, n int) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(-int64(n%100) - 1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(math.MaxUint64 >> (64 - v.Type().Bits()))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(n) / 4)
	case reflect.String:
		v.SetString("a\"b\\c\n\x01\x7f<ü€😀 ")
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fillValue(v.Index(i), n+i)
		}
	case reflect.Array:
		for i := range v.Len() {
			fillValue(v.Index(i), n+i)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem(), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fillValue(key, n)
		fillValue(value, n)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 3, 1, 12, 0, n, 5, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fillValue(v.Field(i), n+i)
			}
		}
	}
}

func TestEncodingIsThatOfJSON(t *testing.T) {
	t.Parallel()
	var full, empty Record
	fillValue(reflect.ValueOf(&full).Elem(), 1)
	odd := Record{Name: "not \xff UTF-8", Command: Command{Args: []Text{"\xff\xfe", ""}, Env: []Text{}}}
	odd.State.Others = []Other{{Identity: procfs.Identity{Pid: 1, Start: 2}}}
	odd.State.Started = time.Now()
	for name, r := range map[string]Record{"full": full, "empty": empty, "odd": odd} {
		want, err := json.Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := encode(&r)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if err := json.Unmarshal(want, &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got, &b); err != nil {
			t.Fatalf("%s: %v in %s", name, err, got)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: encoded as\n%s\nwant\n%s", name, got, want)
		}
		var back Record
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatal(err)
		}
		again, err := encode(&back)
		if err != nil || string(again) != string(got) && name != "odd" {
			t.Errorf("%s: does not come back the same: %v\n%s\n%s", name, err, again, got)
		}
	}
}
