package server

// What a machine is taken to have that does not tell.
const (
	unknownMemory = 1 << 30
	unknownSpace  = 1 << 40 / 3 * 4 // of which streams may take a TiB
)
