package cli

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"myelin/internal/report"
)

func newServerInfo(c *client) *cobra.Command {
	f := &fleet{client: c}
	cmd := &cobra.Command{
		Use:     "info [server]",
		Aliases: []string{"i"},
		Short:   "Show one server: that of a name or id, or the one that one is connected to",
		Args:    arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			nc, err := f.connect()
			if err != nil {
				return err
			}
			defer nc.Close()
			name, _ := nameAndID(args)
			a, err := f.one(nc, name, "VARZ", nil)
			if err != nil {
				return err
			}
			if f.asJSON {
				return f.con.jsonIndented(a.Data)
			}
			var z report.Varz
			if err := a.decode(&z); err != nil {
				return err
			}
			f.con.printf("Server information for %s (%s)\n\n%s", z.ServerName, z.ServerID, varzSheet(&z))
			return nil
		},
	}
	f.addFlags(cmd)
	return cmd
}

// varzSheet shows the general state of a server.
func varzSheet(z *report.Varz) *sheet {
	s := &sheet{}
	s.section("Process Details")
	s.row("Version", z.Version)
	rowUnless(s, "Myelin Version", z.ProductVersion)
	rowUnless(s, "Git Commit", z.GitCommit)
	s.row("Go Version", z.GoVersion)
	s.row("Start Time", z.Start.Local().Format(stamp))
	s.row("Configuration Load Time", z.ConfigLoadTime.Local().Format(stamp))
	rowUnless(s, "Configuration Digest", z.ConfigDigest)
	s.row("Uptime", z.Uptime)
	s.section("Connection Details")
	s.row("Auth Required", z.AuthRequired)
	s.row("TLS Required", z.TLSRequired)
	if z.TLSRequired {
		s.row("TLS Client Certificates Required", z.TLSVerify)
		if !z.TLSCertNotAfter.IsZero() {
			s.row("TLS Certificate Valid Until", z.TLSCertNotAfter.Local().Format(stamp))
		}
	}
	s.row("Host", net.JoinHostPort(z.Host, strconv.Itoa(z.Port)))
	if z.JetStream.Config != nil {
		jetStreamRows(s, &z.JetStream)
	}
	s.section("Limits")
	s.row("Maximum Connections", limitText(z.MaxConnections))
	s.row("Maximum Subscriptions", limitText(z.MaxSubscriptions))
	s.row("Maximum Payload", bytesText(uint64(z.MaxPayload)))
	s.row("TLS Timeout", durationText(time.Duration(z.TLSTimeout*float64(time.Second))))
	s.row("Write Deadline", durationText(z.WriteDeadline))
	s.section("Statistics")
	s.row("CPU Cores", fmt.Sprintf("%d %.2f%%", z.Cores, z.CPU))
	s.row("GOMAXPROCS", z.GoMaxProcs)
	s.row("Memory", bytesText(uint64(z.Mem)))
	s.row("Connections", countText(z.Connections))
	s.row("Subscriptions", countText(uint64(z.Subscriptions)))
	s.row("Messages", countText(z.InMsgs)+" in "+countText(z.OutMsgs)+" out")
	s.row("Bytes", bytesText(uint64(z.InBytes))+" in "+bytesText(uint64(z.OutBytes))+" out")
	s.row("Slow Consumers", countText(z.SlowConsumers))
	return s
}

func jetStreamRows(s *sheet, z *report.JetStreamVarz) {
	s.section("JetStream")
	rowUnless(s, "Domain", z.Config.Domain)
	s.row("Storage Directory", z.Config.StoreDir)
	if z.Stats != nil {
		s.row("API Support Level", z.Stats.API.Level)
		s.row("Active Accounts", countText(z.Stats.Accounts))
		s.row("Memory In Use", bytesText(z.Stats.Memory))
		s.row("File In Use", bytesText(z.Stats.Storage))
		s.row("API Requests", countText(z.Stats.API.Total))
		s.row("API Errors", countText(z.Stats.API.Errors))
	}
	s.row("Always sync writes to disk", z.Config.SyncAlways)
	s.row("Maximum Memory Storage", bytesLimitText(z.Config.MaxMemory))
	s.row("Maximum File Storage", bytesLimitText(z.Config.MaxStorage))
}
