package mlist

// threadPointerInTLS is the distance from m.tls to where the thread pointer points:
// the runtime wants its own word right before that.
const threadPointerInTLS = 8
