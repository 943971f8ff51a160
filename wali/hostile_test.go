package wali

// hostileChild runs the part of the hostile test that is in a process of its
// own, if this is that process.
func hostileChild() (status int, ok bool) { return 0, false }
