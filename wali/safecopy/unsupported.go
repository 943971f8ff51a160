//go:build !linux || !(amd64 || arm64)

package safecopy

// Guest memory can only be used where a fault can be caught.
var _ = walisup_supports_only_linux_on_amd64_and_arm64
