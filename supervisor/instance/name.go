package instance

import (
	"encoding/hex"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	idLength = 32

	// ShortID is how many digits of an id people are shown.
	ShortID = 12

	maxName = 63
)

// newID returns a random id and the random bytes behind it.
func newID() (id string, random [16]byte) {
	// crypto/rand would do the same, and take longer to be loaded.
	if n, err := unix.Getrandom(random[:], 0); err != nil || n != len(random) {
		panic("getrandom: " + fmt.Sprint(err))
	}
	return hex.EncodeToString(random[:]), random
}

func isID(name string) bool { return len(name) == idLength && isHex(name) }

func isHex(text string) bool {
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return text != ""
}

// CheckName reports why an instance cannot have a name.
func CheckName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("name %q has %d characters, 1 to %d are possible", name, len(name), maxName)
	}
	for i, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '_' || c == '.' || c == '-'):
		default:
			return fmt.Errorf("name %q: letters, digits and, after the first, any of _.- are possible", name)
		}
	}
	if isID(name) {
		return fmt.Errorf("name %q looks like an id", name)
	}
	return nil
}

// generateName makes a name that people can remember out of two random bytes.
func generateName(a, b byte) string {
	return adjectives[int(a)%len(adjectives)] + "_" + things[int(b)%len(things)]
}

var adjectives = [...]string{
	"amber", "ancient", "azure", "bold", "brave", "brisk", "bright", "calm",
	"clever", "copper", "coral", "crisp", "dapper", "deep", "eager", "early",
	"fair", "fleet", "fond", "gentle", "golden", "grand", "green", "happy",
	"hardy", "honest", "humble", "jolly", "keen", "kind", "late", "light",
	"lively", "lucky", "mellow", "merry", "mighty", "misty", "modest", "neat",
	"nimble", "noble", "olive", "patient", "plain", "polite", "proud", "quick",
	"quiet", "rapid", "ready", "rosy", "rustic", "serene", "sharp", "silver",
	"simple", "sleek", "snug", "solid", "sturdy", "sunny", "swift", "tidy",
}

var things = [...]string{
	"acorn", "anchor", "arrow", "badger", "basin", "beacon", "birch", "bridge",
	"brook", "canyon", "cedar", "cliff", "comet", "cove", "crane", "delta",
	"dune", "falcon", "fern", "field", "finch", "fjord", "forest", "garden",
	"glacier", "grove", "harbor", "hazel", "heron", "hill", "island", "juniper",
	"kestrel", "lagoon", "lake", "lantern", "larch", "lark", "maple", "marsh",
	"meadow", "mill", "moon", "orchard", "otter", "pebble", "pine", "plover",
	"pond", "prairie", "reef", "ridge", "river", "robin", "sparrow", "spruce",
	"stone", "stream", "summit", "thicket", "tide", "valley", "willow", "wren",
}
