package instance

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// encode returns v as encoding/json would have it, which takes half a millisecond to
// learn a type like Record when it first meets it: most of what registering a
// foreground instance may cost. What it does not know it leaves to that package.
func encode(v any) ([]byte, error) {
	return appendValue(make([]byte, 0, 8<<10), reflect.ValueOf(v))
}

func appendValue(b []byte, v reflect.Value) ([]byte, error) {
	switch value := v.Interface().(type) {
	case time.Time:
		b = append(b, '"')
		b = value.AppendFormat(b, time.RFC3339Nano)
		return append(b, '"'), nil
	case Text:
		if utf8.ValidString(string(value)) {
			return appendString(b, string(value)), nil
		}
		b = append(b, `{"base64":"`...)
		b = base64.StdEncoding.AppendEncode(b, []byte(value))
		return append(b, `"}`...), nil
	case json.Marshaler:
		return appendOther(b, v)
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case reflect.String:
		return appendString(b, v.String()), nil
	case reflect.Struct:
		return appendStruct(b, v)
	case reflect.Slice:
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		if v.Type().Elem().Kind() != reflect.Uint8 {
			return appendList(b, v)
		}
	case reflect.Array:
		return appendList(b, v)
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		return appendValue(b, v.Elem())
	}
	return appendOther(b, v)
}

func appendOther(b []byte, v reflect.Value) ([]byte, error) {
	data, err := json.Marshal(v.Interface())
	return append(b, data...), err
}

func appendList(b []byte, v reflect.Value) (_ []byte, err error) {
	b = append(b, '[')
	for n := range v.Len() {
		if n > 0 {
			b = append(b, ',')
		}
		if b, err = appendValue(b, v.Index(n)); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

func appendStruct(b []byte, v reflect.Value) ([]byte, error) {
	b = append(b, '{')
	start := len(b)
	b, err := appendFields(b, v, start)
	return append(b, '}'), err
}

// appendFields appends the fields of v to the object whose first one is to be at start.
func appendFields(b []byte, v reflect.Value, start int) (_ []byte, err error) {
	kind := v.Type()
	for n := range kind.NumField() {
		field := kind.Field(n)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		value := v.Field(n)
		switch {
		case field.Anonymous && name == "" && value.Kind() == reflect.Struct:
			if b, err = appendFields(b, value, start); err != nil {
				return b, err
			}
			continue
		case !field.IsExported() || name == "-",
			options == "omitempty" && isEmpty(value),
			options == "omitzero" && value.IsZero():
			continue
		case name == "":
			name = field.Name
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = appendString(b, name)
		b = append(b, ':')
		if b, err = appendValue(b, value); err != nil {
			return b, err
		}
	}
	return b, nil
}

// isEmpty is what encoding/json calls empty.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String, reflect.Array:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s { // what is not UTF-8 becomes U+FFFD
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
