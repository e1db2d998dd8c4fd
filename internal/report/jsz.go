package report

import (
	"slices"
	"time"

	"myelin/internal/config"
)

// JSzOptions say how much is told about streams. Each level of detail brings those above it.
type JSzOptions struct {
	Account          string `json:"account"` // details of this one only; empty: of none
	Accounts         bool   `json:"accounts"`
	Streams          bool   `json:"streams"`
	Consumers        bool   `json:"consumer"`
	DirectConsumers  bool   `json:"direct_consumer"`    // with Consumers: also those that serve mirrors and sources
	Config           bool   `json:"config"`             // how streams and consumers are configured
	LeaderOnly       bool   `json:"leader_only"`        // answer only as the leader of the servers; a single one is
	StreamLeaderOnly bool   `json:"stream_leader_only"` // only streams that this server leads: of a single one, all
	Offset           int    `json:"offset"`             // of accounts
	Limit            int    `json:"limit"`              // of accounts; 0: 1024
	RaftGroups       bool   `json:"raft"`               // how streams and consumers are replicated
}

// JSz describes the streams.
type JSz struct {
	JetStreamStats
	ServerID        string           `json:"server_id"`
	Now             time.Time        `json:"now"`
	Disabled        bool             `json:"disabled,omitempty"`
	Config          JetStreamConfig  `json:"config"`
	Limits          *JetStreamLimits `json:"limits,omitempty"`
	Streams         int              `json:"streams"`
	StreamsLeader   int              `json:"streams_leader,omitempty"` // led by this server; shown with RaftGroups
	Consumers       int              `json:"consumers"`
	ConsumersLeader int              `json:"consumers_leader,omitempty"`
	Messages        uint64           `json:"messages"`
	Bytes           uint64           `json:"bytes"`
	AccountDetails  []AccountDetail  `json:"account_details,omitempty"`
	Total           int              `json:"total"` // accounts, shown or not
	Own             *JSzOwn          `json:"_myelin,omitempty"`
}

// JSzOwn is what stock servers do not say. It is left out where there is nothing to say.
type JSzOwn struct {
	DeadLetters int `json:"dead_letters"` // that wait in all streams for others
}

// JetStreamStats are amounts of a server, or of an account.
type JetStreamStats struct {
	Memory          uint64       `json:"memory"`
	Storage         uint64       `json:"storage"`
	ReservedMemory  uint64       `json:"reserved_memory"`
	ReservedStorage uint64       `json:"reserved_storage"`
	Accounts        int          `json:"accounts"`
	HAAssets        int          `json:"ha_assets"` // replicated streams and consumers
	API             JetStreamAPI `json:"api"`
}

// JetStreamAPI counts requests.
type JetStreamAPI struct {
	Level    int    `json:"level"` // 0 for an account
	Total    uint64 `json:"total"`
	Errors   uint64 `json:"errors"`
	Inflight uint64 `json:"inflight,omitempty"`
}

// JetStreamConfig is how JetStream is configured.
type JetStreamConfig struct {
	MaxMemory    int64         `json:"max_memory"`
	MaxStorage   int64         `json:"max_storage"`
	StoreDir     string        `json:"store_dir,omitempty"`
	SyncInterval time.Duration `json:"sync_interval,omitempty"` // without effect if SyncAlways
	SyncAlways   bool          `json:"sync_always,omitempty"`
	Domain       string        `json:"domain,omitempty"`
	CompressOK   bool          `json:"compress_ok,omitempty"`
	UniqueTag    string        `json:"unique_tag,omitempty"`
	Strict       bool          `json:"strict,omitempty"`
}

// JetStreamLimits are those of the configuration, as far as there are any.
type JetStreamLimits struct {
	MaxRequestBatch           int           `json:"max_request_batch,omitempty"`
	MaxAckPending             int           `json:"max_ack_pending,omitempty"`
	MaxHAAssets               int           `json:"max_ha_assets,omitempty"`
	MaxDuplicateWindow        time.Duration `json:"max_duplicate_window,omitempty"`
	MaxBatchInflightPerStream int           `json:"max_batch_inflight_per_stream,omitempty"`
	MaxBatchInflightTotal     int           `json:"max_batch_inflight_total,omitempty"`
	MaxBatchSize              int           `json:"max_batch_size,omitempty"`
	MaxBatchTimeout           time.Duration `json:"max_batch_timeout,omitempty"`
}

// AccountDetail describes the streams of an account. What it has reserved are its limits.
type AccountDetail struct {
	Name string `json:"name"`
	ID   string `json:"id"`
	JetStreamStats
	Streams []StreamDetail `json:"stream_detail,omitempty"`
}

// JSz describes the streams.
func (v *Views) JSz(o JSzOptions) *JSz {
	z := &JSz{ServerID: v.id(), Now: v.now()}
	js := v.jetStream()
	if js == nil {
		z.Disabled = true
		return z
	}
	state, accounts := js.State(), js.Accounts()
	z.Config, z.Limits = jetStreamConfig(v.source.Config(), state), jetStreamLimits(v.source.Config())
	z.JetStreamStats, z.Total = sumStats(state, accounts), len(accounts)
	z.count(js, accounts)
	if o.RaftGroups {
		z.StreamsLeader, z.ConsumersLeader = z.Streams, z.Consumers
	}
	d := details{js: js, options: o, server: v.source.Identity().Name, now: z.Now}
	for _, a := range o.choose(accounts) {
		z.AccountDetails = append(z.AccountDetails, d.account(a))
	}
	return z
}

// count counts streams and what is in them.
func (z *JSz) count(js JetStream, accounts []JetStreamAccount) {
	letters := 0
	for _, a := range accounts {
		for _, s := range js.Streams(a.Name) {
			info := s.Info()
			z.Streams++
			z.Messages += info.Messages
			z.Bytes += info.Bytes
			z.Consumers += js.NumConsumers(a.Name, s.Name())
			if outbox := js.Outbox(a.Name, s.Name()); outbox != nil {
				letters += outbox.DeadLetters
			}
		}
	}
	if letters > 0 {
		z.Own = &JSzOwn{letters}
	}
}

// choose returns the accounts that details are asked for.
func (o *JSzOptions) choose(accounts []JetStreamAccount) []JetStreamAccount {
	if o.Account != "" {
		return slices.DeleteFunc(slices.Clone(accounts), func(a JetStreamAccount) bool { return a.Name != o.Account })
	}
	if !o.Accounts && !o.Streams && !o.Consumers {
		return nil
	}
	return cut(accounts, newPage(o.Offset, o.Limit))
}

// sumStats sums up a server.
func sumStats(state JetStreamState, accounts []JetStreamAccount) JetStreamStats {
	sum := JetStreamStats{
		Accounts: len(accounts),
		API:      JetStreamAPI{Level: state.APILevel, Total: state.APITotal, Errors: state.APIErrors, Inflight: state.APIInflight},
	}
	for _, a := range accounts {
		sum.Memory += a.Memory
		sum.Storage += a.Storage
		sum.ReservedMemory += a.ReservedMemory
		sum.ReservedStorage += a.ReservedStorage
	}
	return sum
}

func jetStreamConfig(c *config.Config, state JetStreamState) JetStreamConfig {
	j := &c.JetStream
	return JetStreamConfig{
		MaxMemory: state.MaxMemory, MaxStorage: state.MaxStorage, StoreDir: state.StoreDir,
		SyncInterval: j.SyncEvery, SyncAlways: j.SyncAlways,
		Domain: j.Domain, CompressOK: j.Domain != "", UniqueTag: j.UniqueTag, Strict: j.Strict,
	}
}

func jetStreamLimits(c *config.Config) *JetStreamLimits {
	l := &c.JetStream.Limits
	return &JetStreamLimits{
		MaxRequestBatch: l.MaxRequestBatch, MaxAckPending: l.MaxAckPending, MaxHAAssets: l.MaxHAAssets,
		MaxDuplicateWindow:        l.DuplicateWindow,
		MaxBatchInflightPerStream: l.MaxBatchInflightPerStream, MaxBatchInflightTotal: l.MaxBatchInflightTotal,
		MaxBatchSize: l.MaxBatchMsgs, MaxBatchTimeout: l.MaxBatchTimeout,
	}
}
