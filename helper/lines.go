package helper

import (
	"cmp"
	"debug/dwarf"
	"encoding/binary"
	"path/filepath"
	"slices"
	"sort"
	"strconv"

	"walisup/helper/engine"
	"walisup/helper/module"
)

// sourceLines makes the table by which reports name source lines: where in the
// machine code each line's code begins. It is empty if the module has no debug
// information, or none that can be read.
//
// Layout: u32 number of entries; for each, by rising offset, u32 offset in the
// code and u32 place of its text; the texts, each u16 length and bytes.
func sourceLines(content []byte, m *module.Module, sources []engine.Source) []byte {
	return lineTable(readLines(content), sources, m.DebugOffset)
}

// lineTable is sourceLines for lines that have been read. origin leads from an offset in
// the prepared module to one in the original.
func lineTable(lines []line, sources []engine.Source, origin func(uint32) (uint32, bool)) []byte {
	if len(lines) == 0 || len(sources) == 0 {
		return nil
	}
	var entries, texts []byte
	places := map[string]uint32{}
	count, last := uint32(0), ""
	for _, s := range sources {
		text := ""
		if at, ok := origin(uint32(s.Module)); ok {
			text = lineAt(lines, uint64(at))
		}
		if text == last {
			continue
		}
		last = text
		place, ok := places[text]
		if !ok {
			place = uint32(len(texts))
			places[text] = place
			texts = binary.LittleEndian.AppendUint16(texts, uint16(len(text)))
			texts = append(texts, text...)
		}
		entries = binary.LittleEndian.AppendUint32(entries, uint32(s.Code))
		entries = binary.LittleEndian.AppendUint32(entries, place)
		count++
	}
	table := binary.LittleEndian.AppendUint32(nil, count)
	return append(append(table, entries...), texts...)
}

// lookupLine returns the source line of the machine code at an offset, or "".
func lookupLine(table []byte, offset uint32) string {
	if len(table) < 4 {
		return ""
	}
	n := int(binary.LittleEndian.Uint32(table))
	if n > (len(table)-4)/8 {
		return ""
	}
	entries, texts := table[4:4+8*n], table[4+8*n:]
	i := sort.Search(n, func(i int) bool { return binary.LittleEndian.Uint32(entries[8*i:]) > offset }) - 1
	if i < 0 {
		return ""
	}
	place := int(binary.LittleEndian.Uint32(entries[8*i+4:]))
	if place+2 > len(texts) {
		return ""
	}
	size := int(binary.LittleEndian.Uint16(texts[place:]))
	if place+2+size > len(texts) {
		return ""
	}
	return string(texts[place+2 : place+2+size])
}

// line is an entry of the line table of the debug information.
type line struct {
	address uint64 // in the code section's content
	text    string // empty where a sequence ends
}

// lineAt returns the line at an address.
func lineAt(lines []line, address uint64) string {
	i := sort.Search(len(lines), func(i int) bool { return lines[i].address > address }) - 1
	if i < 0 {
		return ""
	}
	return lines[i].text
}

// readLines reads the line tables of all compilation units.
func readLines(content []byte) []line {
	sections := debugSections(content)
	data, err := dwarf.New(sections["abbrev"], sections["aranges"], nil, sections["info"], sections["line"],
		nil, sections["ranges"], sections["str"])
	if err != nil {
		return nil
	}
	for _, name := range []string{"addr", "line_str", "str_offsets", "rnglists", "loclists"} {
		if err := data.AddSection(".debug_"+name, sections[name]); err != nil {
			return nil
		}
	}
	var lines []line
	for units := data.Reader(); ; units.SkipChildren() {
		unit, err := units.Next()
		if err != nil || unit == nil {
			break
		}
		reader, err := data.LineReader(unit)
		if err != nil || reader == nil {
			continue
		}
		var e dwarf.LineEntry
		for reader.Next(&e) == nil {
			text := ""
			if !e.EndSequence && e.File != nil {
				text = filepath.Base(e.File.Name) + ":" + strconv.Itoa(e.Line)
			}
			lines = append(lines, line{e.Address, text})
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.address, b.address) })
	return lines
}

// debugSections returns the custom sections .debug_NAME of a module by NAME.
func debugSections(content []byte) map[string][]byte {
	sections := map[string][]byte{}
	for b := content[min(8, len(content)):]; len(b) > 1; {
		id := b[0]
		size, n := binary.Uvarint(b[1:])
		if n <= 0 || size > uint64(len(b)-1-n) {
			break
		}
		body := b[1+n : 1+n+int(size)]
		b = b[1+n+int(size):]
		if id != 0 {
			continue
		}
		length, n := binary.Uvarint(body)
		if n <= 0 || length > uint64(len(body)-n) {
			continue
		}
		const prefix = ".debug_"
		if name := string(body[n : n+int(length)]); len(name) > len(prefix) && name[:len(prefix)] == prefix {
			sections[name[len(prefix):]] = body[n+int(length):]
		}
	}
	return sections
}
