package trace

import "unsafe"

func addressOf[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }
