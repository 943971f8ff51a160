package wali

// host is the call's number on this machine.
func (n Number) host() uintptr { return uintptr(n.AMD64) }
