package report

import "time"

// Statsz is the general state of a server, as it tells others all the while.
type Statsz struct {
	Start            time.Time      `json:"start"`
	Mem              int64          `json:"mem"`
	Cores            int            `json:"cores"`
	CPU              float64        `json:"cpu"`
	Connections      int            `json:"connections"`
	TotalConnections uint64         `json:"total_connections"`
	ActiveAccounts   int            `json:"active_accounts"` // with connections
	Subscriptions    uint32         `json:"subscriptions"`
	Sent             Traffic        `json:"sent"`
	SentToClients    Traffic        `json:"sent_to_clients"`
	Received         Traffic        `json:"received"`
	ReceivedFrom     Traffic        `json:"received_from_clients"`
	SlowConsumers    int64          `json:"slow_consumers"`
	StaleConnections int64          `json:"stale_connections,omitempty"`
	StalledClients   int64          `json:"stalled_clients,omitempty"`
	ActiveServers    int            `json:"active_servers"`
	JetStream        *JetStreamVarz `json:"jetstream,omitempty"`
	GoMemLimit       int64          `json:"gomemlimit,omitempty"`
	GoMaxProcs       int            `json:"gomaxprocs"`
}

// Statsz describes the server.
func (v *Views) Statsz() *Statsz {
	z := v.Varz()
	sent, received := Traffic{z.OutMsgs, z.OutBytes}, Traffic{z.InMsgs, z.InBytes}
	s := &Statsz{
		Start: z.Start, Mem: z.Mem, Cores: z.Cores, CPU: z.CPU, Connections: z.Connections, TotalConnections: z.TotalConnections,
		Subscriptions: z.Subscriptions, Sent: sent, SentToClients: sent, Received: received, ReceivedFrom: received,
		SlowConsumers: z.SlowConsumers, StaleConnections: z.StaleConnections, StalledClients: z.StalledClients,
		ActiveServers: 1, GoMemLimit: z.GoMemLimit, GoMaxProcs: z.GoMaxProcs,
	}
	for _, a := range v.accounts() {
		if a.Connections > 0 {
			s.ActiveAccounts++
		}
	}
	if z.JetStream.Config != nil {
		config := *z.JetStream.Config
		config.StoreDir = "" // of no use elsewhere
		s.JetStream = &JetStreamVarz{Config: &config, Stats: z.JetStream.Stats, Limits: z.JetStream.Limits}
	}
	return s
}
