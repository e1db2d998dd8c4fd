package config

// notSupported is what is said about a key or a flag, by its name.
const notSupported = "%q is not supported yet by this version of myelin"

// laterKeys are the keys of features that do not exist yet. They are refused by name unless their value switches
// the feature off: no server must run without a protection or a durability that was asked for. A feature that comes
// takes its keys from here to a file of its own.
var laterKeys = []key[Config]{
	// How connections are protected and carried. The rest is in block_tls.go.
	later(isNothing, "proxy_protocol"),
	later(nothingOn, "websocket", "ws"),
	later(nothingOn, "mqtt"),

	// Streams. The rest of them is in block_jetstream.go.
	later(nothingOn, "default_js_domain"),
	later(nothingOn, "feature_flags"),

	// Other servers.
	later(nothingOn, "cluster"),
	later(nothingOn, "gateway"),
	later(nothingOn, "leafnodes", "leaf"),
}

// later is a key whose feature does not exist yet, and is not asked for by values that are off.
func later(off func(*Value) bool, name string, aliases ...string) key[Config] {
	return key[Config]{name, aliases, refused[Config](off, nil)}
}

// refused decodes the value, unless decode is nil, of a key whose feature does not exist yet, and refuses it if it
// asks for that feature.
func refused[T any](off func(*Value) bool, decode decodeFunc[T]) decodeFunc[T] {
	return func(d *decoder, into *T, f *Field) {
		before := len(d.errs)
		if decode != nil {
			decode(d, into, f)
		}
		if len(d.errs) == before && !off(f.Value) {
			d.fail(f.Pos, notSupported, f.Name)
		}
	}
}

// isNothing is false, zero, an empty string or an empty array.
func isNothing(v *Value) bool {
	array, ok := v.Data.(Array)
	return ok && len(array) == 0 || v.Data == false || v.Data == int64(0) || v.Data == ""
}

// nothingOn is nothing, or a block with nothing in it.
func nothingOn(v *Value) bool {
	m, ok := v.Data.(*Map)
	if !ok {
		return isNothing(v)
	}
	for _, f := range m.Fields {
		if !isNothing(f.Value) {
			return false
		}
	}
	return true
}
