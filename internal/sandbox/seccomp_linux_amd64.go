package sandbox

// The architecture's number (AUDIT_ARCH_X86_64), and the bit by which calls of
// the x32 ABI are marked.
const (
	architecture = 0xc000003e
	x32          = 0x40000000
)
