package instance

import (
	"encoding/json"
	"unicode/utf8"
)

// Text is a string that need not be UTF-8, as arguments and paths need not be.
// In JSON it is a string if possible, otherwise {"base64": "..."}.
type Text string

type encodedText struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements [json.Marshaler].
func (t Text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(encodedText{[]byte(t)})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Text) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		var encoded encodedText
		if err := json.Unmarshal(data, &encoded); err != nil {
			return err
		}
		*t = Text(encoded.Base64)
		return nil
	}
	return json.Unmarshal(data, (*string)(t))
}

// Texts converts strings.
func Texts(list []string) []Text {
	texts := make([]Text, len(list))
	for i, s := range list {
		texts[i] = Text(s)
	}
	return texts
}

// Strings converts back.
func Strings(list []Text) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = string(t)
	}
	return out
}
