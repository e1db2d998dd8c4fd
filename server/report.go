package server

import (
	"time"

	"myelin/internal/engine"
	"myelin/internal/jetstream"
	"myelin/internal/report"
	"myelin/internal/stream"
)

// JetStream implements report.JetStreamSource.
func (v source) JetStream() report.JetStream {
	p := v.s.streams.Load()
	if p == nil {
		return nil
	}
	return streamViews{v.s, p}
}

// streamViews shows the streams of a server to the monitoring views.
type streamViews struct {
	s *Server
	p *logPlane
}

func (v streamViews) State() report.JetStreamState {
	p := v.p
	st := report.JetStreamState{
		StoreDir: v.s.config().JetStream.Dir(), MaxMemory: p.maxMemory.Load(), MaxStorage: p.maxStorage.Load(),
		APILevel: jetstream.Level,
	}
	for _, account := range v.s.broker.Accounts() {
		api := p.api.Stats(account.Name())
		st.APITotal += api.Total
		st.APIErrors += api.Errors
		st.APIInflight += api.Inflight
	}
	return st
}

func (v streamViews) Accounts() (list []report.JetStreamAccount) {
	p := v.p
	for _, account := range v.s.broker.Accounts() {
		name := account.Name()
		limits := v.s.streamLimits(name)
		if limits == nil {
			continue
		}
		usage, api := p.engine.Usage(name), p.api.Stats(name)
		list = append(list, report.JetStreamAccount{
			Name: name, Tag: v.s.accountTag(name), Memory: uint64(usage.Memory), Storage: uint64(usage.Storage),
			ReservedMemory: uint64(usage.ReservedMemory), ReservedStorage: uint64(usage.ReservedStorage),
			MaxMemory: limits.MaxMemory, MaxStorage: limits.MaxStorage, APITotal: api.Total, APIErrors: api.Errors,
		})
	}
	return list
}

func (v streamViews) Streams(account string) []report.Stream {
	streams := v.p.engine.Streams(account)
	list := make([]report.Stream, len(streams))
	for i, s := range streams {
		list[i] = s
	}
	return list
}

func (v streamViews) Consumers(account, stream string) (list []report.Consumer) {
	s := v.p.engine.Stream(account, stream)
	if s == nil {
		return nil
	}
	for _, status := range s.ConsumerStatuses(s.Consumers()) {
		list = append(list, report.Consumer{Info: consumerInfo(stream, &status), Direct: status.View.Config.Direct})
	}
	return list
}

func (v streamViews) NumConsumers(account, name string) (n int) {
	if s := v.p.engine.Stream(account, name); s != nil {
		s.View(func(state *stream.State) { n = state.NumShownConsumers() })
	}
	return n
}

func (v streamViews) HasConsumer(account, stream, name string) bool {
	s := v.p.engine.Stream(account, stream)
	return s != nil && s.Consumer(name) != nil
}

func consumerInfo(of string, status *engine.ConsumerStatus) report.ConsumerInfo {
	v, config := &status.View, *status.View.Config
	if config.Unnamed {
		config.Name = ""
	}
	return report.ConsumerInfo{
		Stream: of, Name: v.Config.Name, Created: time.Unix(0, v.Created), Config: &config,
		Delivered: sequenceInfo(v.Delivered), AckFloor: sequenceInfo(v.Floor),
		NumAckPending: v.NumAckPending, NumRedelivered: v.NumRedelivered, NumWaiting: status.Waiting, NumPending: v.NumPending,
		PushBound: status.Listening && v.Config.Push(),
	}
}

func sequenceInfo(p stream.Position) report.SequenceInfo {
	info := report.SequenceInfo{Consumer: p.Consumer, Stream: p.Stream}
	if p.Active != 0 {
		at := time.Unix(0, p.Active).UTC()
		info.Last = &at
	}
	return info
}

func (v streamViews) Origins(account, stream string) (list []report.Origin) {
	s := v.p.engine.Stream(account, stream)
	if s == nil {
		return nil
	}
	for _, o := range s.Origins() {
		list = append(list, report.Origin{Mirror: o.Mirror, Info: report.OriginInfo{
			Name: o.Source.Name, External: o.Source.External, Lag: o.Lag, Active: o.Active, Error: o.Err,
			Filter: o.Source.FilterSubject, Transforms: o.Source.Transforms,
		}})
	}
	return list
}

func (v streamViews) Outbox(account, name string) *stream.OutboxStatus {
	if s := v.p.engine.Stream(account, name); s != nil {
		return s.Outbox()
	}
	return nil
}

func (v streamViews) Err() error { return v.p.engine.Err() }
