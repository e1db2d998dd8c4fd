package config

// monitorKeys are the HTTP listeners for monitoring and profiling.
var monitorKeys = []key[Config]{
	{"http", nil, address("http_port", func(c *Config) (*string, *int) { return &c.HTTPHost, &c.HTTPPort })},
	{"http_port", []string{"monitor_port"}, integer(func(c *Config) *int { return &c.HTTPPort })},
	{"https", nil, address("https_port", func(c *Config) (*string, *int) { return &c.HTTPHost, &c.HTTPSPort })},
	{"https_port", nil, integer(func(c *Config) *int { return &c.HTTPSPort })},
	{"http_base_path", nil, text(func(c *Config) *string { return &c.HTTPBasePath })},
	{"prof_port", nil, integer(func(c *Config) *int { return &c.ProfPort })},
	{"prof_block_rate", nil, integer(func(c *Config) *int { return &c.ProfBlockRate })},
}
