package sandbox

// The architecture's number (AUDIT_ARCH_AARCH64); it has no second ABI.
const (
	architecture = 0xc00000b7
	x32          = 0
)
