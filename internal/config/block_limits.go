package config

import "time"

// maxSubTokens is the highest limit of tokens that can be asked for.
const maxSubTokens = 255

// limitKeys bound what one client may cost.
var limitKeys = []key[Config]{
	{"max_control_line", nil, integer(func(c *Config) *int { return &c.Limits.MaxControlLine })},
	{"max_payload", nil, integer(func(c *Config) *int { return &c.Limits.MaxPayload })},
	{"max_pending", nil, integer(func(c *Config) *int64 { return &c.Limits.MaxPending })},
	{"max_connections", []string{"max_conn"}, decodeMaxConnections},
	{"max_subscriptions", []string{"max_subs"}, integer(func(c *Config) *int { return &c.Limits.MaxSubscriptions })},
	{"max_sub_tokens", []string{"max_subscription_tokens"}, decodeMaxSubTokens},
	{"max_closed_clients", nil, integer(func(c *Config) *int { return &c.Limits.MaxClosedClients })},
	{"write_deadline", nil, durationOrSeconds(func(c *Config) *time.Duration { return &c.Limits.WriteDeadline })},
	{"write_timeout", nil, text(func(c *Config) *string { return &c.Limits.WriteTimeout })},
	{"ping_interval", nil, durationOrSeconds(func(c *Config) *time.Duration { return &c.Limits.PingInterval })},
	{"ping_max", nil, integer(func(c *Config) *int { return &c.Limits.PingMax })},
	{"no_fast_producer_stall", nil, boolean(func(c *Config) *bool { return &c.Limits.NoFastProducerStall })},
	{"no_header_support", nil, boolean(func(c *Config) *bool { return &c.Limits.NoHeaderSupport })},
	{"no_sublist_cache", []string{"disable_sublist_cache"}, boolean(func(c *Config) *bool { return &c.NoSublistCache })},
}

// decodeMaxConnections takes zero by its word: nobody may connect.
func decodeMaxConnections(d *decoder, c *Config, f *Field) {
	integer(func(c *Config) *int { return &c.Limits.MaxConnections })(d, c, f)
	if c.Limits.MaxConnections == 0 {
		c.Limits.MaxConnections = -1
	}
}

// decodeMaxSubTokens does not let zero mean that there is no limit: who writes the key wants one.
func decodeMaxSubTokens(d *decoder, c *Config, f *Field) {
	if n, ok := f.Value.Data.(int64); ok && n <= 0 {
		d.fail(f.Pos, "max_sub_tokens value can not be negative")
		return
	}
	integer(func(c *Config) *int { return &c.Limits.MaxSubTokens })(d, c, f)
}
