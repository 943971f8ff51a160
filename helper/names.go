package helper

import (
	"encoding/binary"
	"fmt"

	"walisup/helper/module"
)

// encodeNames packs function names for the compile cache: index, length, bytes.
func encodeNames(names module.NameTable) []byte {
	var b []byte
	for _, n := range names {
		b = binary.LittleEndian.AppendUint32(b, n.Index)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(n.Name)))
		b = append(b, n.Name...)
	}
	return b
}

// decodeNames is the inverse of encodeNames.
func decodeNames(b []byte) module.NameTable {
	var names module.NameTable
	for len(b) >= 8 {
		index, size := binary.LittleEndian.Uint32(b), int(binary.LittleEndian.Uint32(b[4:]))
		if size > len(b)-8 {
			break
		}
		names = append(names, module.Name{Index: index, Name: string(b[8 : 8+size])})
		b = b[8+size:]
	}
	return names
}

// functionName is what a report calls a function.
func functionName(names module.NameTable, index uint32) string {
	if name := names.Of(index); name != "" {
		return name
	}
	return fmt.Sprintf("func[%d]", index)
}
