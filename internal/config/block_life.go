package config

import "time"

// minLameDuck is the shortest time that a file may give clients to leave. (Embedders may go below.)
const minLameDuck = 30 * time.Second

// lifeKeys are about the end of a server, and about how it looks for others.
var lifeKeys = []key[Config]{
	{"lame_duck_duration", nil, decodeLameDuck},
	{"lame_duck_grace_period", nil, duration(func(c *Config) *time.Duration { return &c.LameDuckGrace })},
	{"connect_error_reports", nil, integer(func(c *Config) *int { return &c.ConnectErrorReports })},
	{"reconnect_error_reports", nil, integer(func(c *Config) *int { return &c.ReconnectErrorReports })},
}

func decodeLameDuck(d *decoder, c *Config, f *Field) {
	duration(func(c *Config) *time.Duration { return &c.LameDuckDuration })(d, c, f)
	if c.LameDuckDuration < minLameDuck {
		d.fail(f.Pos, "invalid %s of %v, minimum is %d seconds", f.Name, c.LameDuckDuration, minLameDuck/time.Second)
	}
}
