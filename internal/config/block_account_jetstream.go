package config

import "strings"

// accountStreamsBlock is what an account may keep in streams.
var accountStreamsBlock = newBlock([]key[AccountStreams]{
	{"max_memory", []string{"max_mem", "mem", "memory"}, streamBound(func(s *AccountStreams) *int64 { return &s.MaxMemory })},
	{"max_store", []string{"max_file", "max_disk", "store", "disk"}, streamBound(func(s *AccountStreams) *int64 { return &s.MaxStorage })},
	{"max_streams", []string{"streams"}, streamBound(func(s *AccountStreams) *int64 { return &s.MaxStreams })},
	{"max_consumers", []string{"consumers"}, streamBound(func(s *AccountStreams) *int64 { return &s.MaxConsumers })},
	{"max_ack_pending", nil, streamBound(func(s *AccountStreams) *int64 { return &s.MaxAckPending })},
	{"memory_max_stream_bytes", []string{"mem_max_stream_bytes"}, streamBound(func(s *AccountStreams) *int64 { return &s.MaxMemoryStream })},
	{"store_max_stream_bytes", []string{"disk_max_stream_bytes"}, streamBound(func(s *AccountStreams) *int64 { return &s.MaxStorageStream })},
	{"max_bytes_required", []string{"max_stream_bytes", "max_bytes"}, decodeBytesRequired},
	{"cluster_traffic", nil, decodeClusterTraffic},
})

// decodeAccountStreams decodes a switch, or a block, which is on.
func decodeAccountStreams(d *decoder, s *AccountStreams, f *Field) {
	*s = unlimitedStreams()
	switch v := f.Value.Data.(type) {
	case bool:
		s.Enabled = v
	case string:
		switch strings.ToLower(v) {
		case "enabled", "enable":
			s.Enabled = true
		case "disabled", "disable":
		default:
			d.fail(f.Pos, "Expected 'enabled' or 'disabled' for string value, got '%s'", v)
		}
	case *Map:
		s.Enabled = true
		decodeNested(d, accountStreamsBlock, s, v, unknownField)
	default:
		d.fail(f.Pos, "Expected map, bool or string to define JetStream, got %s", f.Value.kind())
	}
}

// streamBound decodes a number or bytes; less than none is no bound.
func streamBound(field func(*AccountStreams) *int64) decodeFunc[AccountStreams] {
	return func(d *decoder, s *AccountStreams, f *Field) {
		n, ok := f.Value.Data.(int64)
		if !ok {
			d.fail(f.Pos, "Expected a parseable size for %q, got %s", f.Name, f.Value.kind())
			return
		}
		*field(s) = max(n, -1)
	}
}

func decodeBytesRequired(d *decoder, s *AccountStreams, f *Field) {
	required, ok := f.Value.Data.(bool)
	if !ok {
		d.fail(f.Pos, "Expected a parseable bool for %q, got %s", f.Name, f.Value.kind())
		return
	}
	s.MaxBytesRequired = required
}

// decodeClusterTraffic checks a word that means something to servers that replicate for each other.
func decodeClusterTraffic(d *decoder, _ *AccountStreams, f *Field) {
	switch f.Value.Data {
	case "", "system":
	case "owner":
		d.fail(f.Pos, notSupported, f.Name)
	default:
		d.fail(f.Pos, "Expected 'system' or 'owner' string value for %q, got %v", f.Name, f.Value.Data)
	}
}
