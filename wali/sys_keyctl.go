package wali

import (
	"golang.org/x/sys/unix"
)

// keyctlPointers says for each operation of keyctl(2) which of the arguments 2
// to 5 are pointers (bit 0 for argument 2), or that it is not supported.
// Source: security/keys/keyctl.c.
var keyctlPointers = [...]uint8{
	unix.KEYCTL_GET_KEYRING_ID:       0,
	unix.KEYCTL_JOIN_SESSION_KEYRING: 0b0001,
	unix.KEYCTL_UPDATE:               0b0010,
	unix.KEYCTL_REVOKE:               0,
	unix.KEYCTL_CHOWN:                0,
	unix.KEYCTL_SETPERM:              0,
	unix.KEYCTL_DESCRIBE:             0b0010,
	unix.KEYCTL_CLEAR:                0,
	unix.KEYCTL_LINK:                 0,
	unix.KEYCTL_UNLINK:               0,
	unix.KEYCTL_SEARCH:               0b0110,
	unix.KEYCTL_READ:                 0b0010,
	unix.KEYCTL_INSTANTIATE:          0b0010,
	unix.KEYCTL_NEGATE:               0,
	unix.KEYCTL_SET_REQKEY_KEYRING:   0,
	unix.KEYCTL_SET_TIMEOUT:          0,
	unix.KEYCTL_ASSUME_AUTHORITY:     0,
	unix.KEYCTL_GET_SECURITY:         0b0010,
	unix.KEYCTL_SESSION_TO_PARENT:    0,
	unix.KEYCTL_REJECT:               0,
	unix.KEYCTL_INSTANTIATE_IOV:      keyctlUnsupported, // native iovec
	unix.KEYCTL_INVALIDATE:           0,
	unix.KEYCTL_GET_PERSISTENT:       0,
	unix.KEYCTL_DH_COMPUTE:           keyctlUnsupported, // its fourth argument has pointers inside
	unix.KEYCTL_PKEY_QUERY:           0b1100,
	unix.KEYCTL_PKEY_ENCRYPT:         0b1111,
	unix.KEYCTL_PKEY_DECRYPT:         0b1111,
	unix.KEYCTL_PKEY_SIGN:            0b1111,
	unix.KEYCTL_PKEY_VERIFY:          0b1111,
	unix.KEYCTL_RESTRICT_KEYRING:     0b0110,
	unix.KEYCTL_MOVE:                 0,
	unix.KEYCTL_CAPABILITIES:         0b0001,
	unix.KEYCTL_WATCH_KEY:            keyctlUnsupported, // takes a descriptor of a queue that we refuse to make
}

const keyctlUnsupported = 0x80

// sysKeyctl is keyctl(2).
func sysKeyctl(t *Thread, a Args) int64 {
	op := a.Uint(0)
	if op >= uint32(len(keyctlPointers)) || keyctlPointers[op] == keyctlUnsupported {
		return errno(unix.EOPNOTSUPP)
	}
	var args [4]uintptr
	for i := range args {
		args[i] = uintptr(a[1+i])
		if keyctlPointers[op]>>i&1 != 0 {
			args[i] = t.Memory.Host(uint32(a[1+i]))
		}
	}
	return t.block(unix.SYS_KEYCTL, uintptr(op), args[0], args[1], args[2], args[3], 0)
}
