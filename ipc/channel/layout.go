package channel

const (
	// Slots is how many processes the table can hold at a time.
	Slots = 4096

	// Events is how many events the ring holds until the oldest is overwritten.
	Events = 4096

	// SettingsSize is the room for trace settings in bytes.
	SettingsSize = 1024

	// NotesSize is the room for the supervisor's notes in bytes.
	NotesSize = headSettings - headNotes

	// MaxName is the longest name of an instance in bytes.
	MaxName = 64

	// MaxModule is how many bytes of a module's path a slot holds.
	MaxModule = slotSize - slotModule
)

// Offsets, see the package comment.
const (
	magic   = 0x43534c57 // "WLSC"
	version = 1

	headMagic     = 0
	headVersion   = 4
	headSlots     = 8
	headSlotSize  = 12
	headEvents    = 16
	headEventSize = 20
	headSize      = 24
	headCreated   = 32
	headName      = 40
	headHelperDev = 104
	headHelperIno = 112
	headHelperFD  = 120

	headTrace       = 128
	headStop        = 132
	headHelperBell  = 136
	headBell        = 192
	headSleepers    = 196
	headHint        = 200
	headNextEvent   = 208
	headUnlisted    = 216
	headOverwritten = 224
	headUsed        = 232
	headNotes       = 512
	headSettings    = 1024

	indexStart = 4096
	slotStart  = indexStart + 4*Slots
	slotSize   = 512
	eventStart = slotStart + Slots*slotSize
	eventSize  = 64

	// Size is the size of the file in bytes. It is sparse.
	Size = eventStart + Events*eventSize
)

const (
	slotOwner     = 0
	slotParent    = 8
	slotSequence  = 12
	slotNotBefore = 16
	slotBefore    = 24
	slotEnd       = 32
	slotEnded     = 40
	slotThreads   = 48
	slotFlags     = 52
	slotForks     = 56
	slotExecs     = 64
	slotStarted   = 72
	slotLength    = 80
	slotReported  = 88
	slotModule    = 128
)

const (
	eventSequence   = 0
	eventSum        = 8
	eventTime       = 16
	eventKind       = 24
	eventPid        = 28
	eventOther      = 32
	eventSlot       = 36
	eventValue      = 40
	eventGeneration = 48
	eventZero       = 56
)

// State is what a slot's process does.
type State uint8

// States of a slot, see the package comment.
const (
	Free State = iota
	Claimed
	Live
	Exiting
	Ended

	states
)

func (s State) String() string {
	names := [...]string{"free", "claimed", "live", "exiting", "ended"}
	if int(s) < len(names) {
		return names[s]
	}
	return "damaged"
}

// flagCut says that the module's path is longer and its beginning is missing.
const flagCut = 1

// Source is who says how a process ended, the more trustworthy the higher.
type Source uint8

// Sources of an exit status.
const (
	Nobody    Source = iota // not known
	Itself                  // the process, before it did
	Parent                  // the parent's helper, whose guest waited for it
	Connector               // the kernel's process connector
	Kernel                  // the kernel, of one process: PIDFD_GET_INFO, or /proc/PID/stat of a zombie
	Wait                    // the supervisor, by wait4

	sources
)

func (s Source) String() string {
	names := [...]string{"nobody", "itself", "parent", "connector", "kernel", "wait"}
	if int(s) < len(names) {
		return names[s]
	}
	return "damaged"
}

// Ref names a process's use of a slot. The zero Ref and any other that the table
// does not know is harmless in all methods: they do nothing.
type Ref struct {
	Slot       uint32 // index + 1; 0 for none
	Generation uint32
}

// Valid reports whether r names a slot at all.
func (r Ref) Valid() bool { return r.Slot >= 1 && r.Slot <= Slots }

// An owner word is generation, state and pid, so that one compare-and-swap changes
// hands.
const (
	ownerState      = 32
	ownerGeneration = 40
	generationMask  = 1<<24 - 1
)

func owner(generation uint32, s State, pid int32) uint64 {
	return uint64(generation&generationMask)<<ownerGeneration | uint64(s)<<ownerState | uint64(uint32(pid))
}

func splitOwner(w uint64) (generation uint32, s State, pid int32) {
	return uint32(w >> ownerGeneration), State(w >> ownerState), int32(uint32(w))
}

// An end word is a wait status, its source, and a bit that says that there is one.
const (
	endSource = 32
	endValid  = 1 << 40
)

func endWord(status uint32, s Source) uint64 {
	return endValid | uint64(s)<<endSource | uint64(status)
}

func splitEnd(w uint64) (status uint32, s Source) {
	if w&endValid == 0 {
		return 0, Nobody
	}
	return uint32(w), Source(w >> endSource)
}
