package config

// logKeys say what is logged, and which files tell others about the server.
var logKeys = []key[Config]{
	{"debug", nil, boolean(func(c *Config) *bool { return &c.Log.Debug })},
	{"trace", nil, boolean(func(c *Config) *bool { return &c.Log.Trace })},
	{"trace_verbose", nil, boolean(func(c *Config) *bool { return &c.Log.TraceVerbose })},
	{"trace_headers", nil, boolean(func(c *Config) *bool { return &c.Log.TraceHeaders })},
	{"logtime", nil, boolean(func(c *Config) *bool { return &c.Log.Time })},
	{"logtime_utc", nil, boolean(func(c *Config) *bool { return &c.Log.UTC })},
	{"log_format", nil, text(func(c *Config) *string { return &c.Log.Format })},
	{"log_file", []string{"logfile"}, text(func(c *Config) *string { return &c.Log.File })},
	{"log_size_limit", []string{"logfile_size_limit"}, integer(func(c *Config) *int64 { return &c.Log.SizeLimit })},
	{"log_max_num", []string{"logfile_max_num"}, integer(func(c *Config) *int { return &c.Log.MaxNum })},
	{"syslog", nil, boolean(func(c *Config) *bool { return &c.Log.Syslog })},
	{"remote_syslog", nil, text(func(c *Config) *string { return &c.Log.RemoteSyslog })},
	{"max_traced_msg_len", nil, integer(func(c *Config) *int { return &c.Log.MaxTracedMsgLen })},
	{"pid_file", []string{"pidfile"}, text(func(c *Config) *string { return &c.PidFile })},
	{"ports_file_dir", nil, text(func(c *Config) *string { return &c.PortsFileDir })},
}
