package server

import (
	"fmt"

	"myelin/internal/config"
)

// section is a part of the configuration that can change while the server runs.
type section struct {
	settings []setting
	// prepare does all that may fail, and changes nothing that anybody could notice. It is called if one of the settings has
	// changed, or if always is set. nil: to have the new configuration is enough.
	prepare func(*reload) error
	always  bool // what the settings name may have changed, too
}

// setting is a field of Config.
type setting struct {
	path string
	// tell is what the log says when it has changed, in the words of stock; nil: nothing, or the section does.
	tell func(*config.Config) string
}

// value tells what a setting is now.
func value[T any](name string, of func(*config.Config) T) func(*config.Config) string {
	return func(c *config.Config) string { return fmt.Sprintf("Reloaded: %s = %v", name, of(c)) }
}

// text tells that something has changed.
func text(s string) func(*config.Config) string { return func(*config.Config) string { return s } }

// sections are all of them, in the order in which they are put into force and the log tells of them. A change of anything else
// is refused.
var sections = []section{
	{prepare: (*reload).prepareLog, settings: []setting{
		{"Log.Debug", value("debug", func(c *config.Config) bool { return c.Log.Debug })},
		{"Log.Trace", value("trace", func(c *config.Config) bool { return c.Log.Trace })},
		{"Log.TraceVerbose", value("trace_verbose", func(c *config.Config) bool { return c.Log.TraceVerbose })},
		{"Log.TraceHeaders", value("trace_headers", func(c *config.Config) bool { return c.Log.TraceHeaders })},
		{"Log.Time", value("logtime", func(c *config.Config) bool { return c.Log.Time })},
		{"Log.UTC", value("logtime_utc", func(c *config.Config) bool { return c.Log.UTC })},
		{"Log.Format", value("log_format", func(c *config.Config) string { return c.Log.Format })},
		{"Log.File", value("log_file", func(c *config.Config) string { return c.Log.File })},
		{"Log.SizeLimit", value("log_size_limit", func(c *config.Config) int64 { return c.Log.SizeLimit })},
		{"Log.MaxNum", value("log_max_num", func(c *config.Config) int { return c.Log.MaxNum })},
		{"Log.Syslog", value("syslog", func(c *config.Config) bool { return c.Log.Syslog })},
		{"Log.RemoteSyslog", value("remote_syslog", func(c *config.Config) string { return c.Log.RemoteSyslog })},
		{"Log.MaxTracedMsgLen", value("max_traced_msg_len", func(c *config.Config) int { return c.Log.MaxTracedMsgLen })},
	}},
	{settings: []setting{
		{"Limits.MaxControlLine", value("max_control_line", func(c *config.Config) int { return c.Limits.MaxControlLine })},
		{"Limits.MaxPayload", value("max_payload", func(c *config.Config) int { return c.Limits.MaxPayload })},
		{"Limits.MaxPending", value("max_pending", func(c *config.Config) int64 { return c.Limits.MaxPending })},
		{"Limits.MaxConnections", value("max_connections", func(c *config.Config) int { return c.Limits.MaxConnections })},
		{"Limits.MaxSubscriptions", value("max_subscriptions", func(c *config.Config) int { return c.Limits.MaxSubscriptions })},
		{"Limits.MaxSubTokens", value("max_subscription_tokens", func(c *config.Config) int { return c.Limits.MaxSubTokens })},
		{"Limits.WriteDeadline", value("write_deadline", func(c *config.Config) any { return c.Limits.WriteDeadline })},
		{"Limits.WriteTimeout", value("write_timeout", func(c *config.Config) string { return c.Limits.WriteTimeout })},
		{"Limits.PingInterval", value("ping_interval", func(c *config.Config) any { return c.Limits.PingInterval })},
		{"Limits.PingMax", value("ping_max", func(c *config.Config) int { return c.Limits.PingMax })},
		{"Limits.NoFastProducerStall", tellStall},
		{"ClientAdvertise", func(c *config.Config) string { return "Reload: client_advertise = " + c.ClientAdvertise }},
		{"LameDuckDuration", value("lame_duck_duration", func(c *config.Config) any { return c.LameDuckDuration })},
		{"LameDuckGrace", value("lame_duck_grace_period", func(c *config.Config) any { return c.LameDuckGrace })},
		{"ConnectErrorReports", value("connect_error_reports", func(c *config.Config) int { return c.ConnectErrorReports })},
		{"ReconnectErrorReports", value("reconnect_error_reports", func(c *config.Config) int { return c.ReconnectErrorReports })},
		{"ServerTags", text("Reloaded: tags")},
		{"ServerMetadata", text("Reloaded: metadata")},
	}},
	{prepare: (*reload).prepareAccounts, settings: []setting{
		{"Auth.Username", text("Reloaded: authorization username")},
		{"Auth.Password", text("Reloaded: authorization password")},
		{"Auth.Token", text("Reloaded: authorization token")},
		{"Auth.ProxyRequired", nil},
		{"Auth.Users", text("Reloaded: authorization users")},
		{"Auth.Defaults", nil},
		{"Auth.Accounts", text("Reloaded: accounts")},
		{"Auth.NoAuthUser", text("Reloaded: no_auth_user")},
		{"Auth.Callout", text("Reloaded: auth_callout")},
		{"Auth.TrustedProxies", text("Reloaded: proxies")},
		{"Auth.MapCertificates", nil},
		{"Auth.Timeout", value("authorization timeout", func(c *config.Config) float64 { return c.AuthTimeout().Seconds() })},
		{"Accounts", text("Reloaded: settings of accounts")},
		{"Mappings", text("Reloaded: mappings")},
	}},
	{prepare: (*reload).prepareOperators, always: true, settings: []setting{
		{"Operators.Resolver", text("Reloaded: resolver")},
		{"Operators.Preload", text("Reloaded: accounts of the resolver")},
		{"Operators.Pinned", text("Reloaded: resolver_pinned_accounts")},
		{"Operators.Sentinel", text("Reloaded: default_sentinel")},
	}},
	{prepare: (*reload).prepareTLS, always: true, settings: []setting{{"TLS", nil}, {"AllowNonTLS", nil}, {"OCSP", text("Reloaded: OCSP")}, {"OCSPCache", text("Reloaded: OCSP peer cache")}}},
	{prepare: (*reload).prepareFiles, settings: []setting{
		{"PidFile", value("pid_file", func(c *config.Config) string { return c.PidFile })},
		{"PortsFileDir", value("ports_file_dir", func(c *config.Config) string { return c.PortsFileDir })},
	}},
	{prepare: (*reload).prepareProfiling, settings: []setting{
		{"ProfBlockRate", value("prof_block_rate", func(c *config.Config) int { return c.ProfBlockRate })},
	}},
	{prepare: (*reload).prepareStreams, settings: []setting{ // the last: see switchOn
		{"JetStream.Enabled", text("Reloaded: JetStream")},
		{"JetStream.MaxMemory", func(c *config.Config) string {
			return "Reloaded: JetStream max_mem_store = " + sizeText(c.JetStream.MaxMemory)
		}},
		{"JetStream.MaxStorage", func(c *config.Config) string {
			return "Reloaded: JetStream max_file_store = " + sizeText(c.JetStream.MaxStorage)
		}},
		{"JetStream.MetaCompact", nil}, {"JetStream.MetaCompactSize", nil}, {"JetStream.MetaCompactSync", nil},
	}},
}

func tellStall(c *config.Config) string {
	if c.Limits.NoFastProducerStall {
		return "Reloaded: fast producers will not be stalled"
	}
	return "Reloaded: fast producers will be stalled"
}
