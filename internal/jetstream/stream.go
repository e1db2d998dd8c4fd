package jetstream

import (
	"slices"

	"myelin/internal/apierr"
	"myelin/internal/jetstream/wire"
	"myelin/internal/stream"
	"myelin/internal/subject"
)

// Bounds of one response.
const (
	namesPage    = 1024
	listPage     = 256
	subjectsPage = 100000
)

// StreamConfigRequest is the payload of a create or an update. The name of the type shows in the texts of
// errors.
type StreamConfigRequest struct {
	StreamConfig
	Pedantic bool `json:"pedantic,omitempty"`
}

type streamCreated struct {
	envelope
	*StreamInfo
	DidCreate bool `json:"did_create,omitempty"`
}

// configured reads the configuration in a request.
func (c *call) configured() (q StreamConfigRequest, err *apierr.Error) {
	if err = c.decode(&q); err == nil && q.Name != c.streamName() {
		err = apierr.StreamMismatch.Err()
	}
	return q, err
}

// streamCreate says that it did create the stream even if it was there with that very configuration, as a
// stock server does.
func (c *call) streamCreate(resp *streamCreated) *apierr.Error {
	q, err := c.configured()
	if err != nil {
		return err
	}
	if err := c.limits.tiered(&q.StreamConfig); err != nil {
		return err
	}
	s, created, err := c.door.api.engine.Create(c.door.account, q.StreamConfig, q.Pedantic)
	if err != nil {
		return err
	}
	resp.StreamInfo, resp.DidCreate = c.changed(s), true
	resp.Domain = "" // a stock server does not tell it here
	if created {
		c.streamAction("CREATED", "create", s.Name())
	}
	return nil
}

// changed is the info of a stream that was created or updated.
func (c *call) changed(s Stream) *StreamInfo {
	info := c.door.api.infoOf(s)
	info.Config = c.door.api.described(info.Config)
	return &info
}

type streamUpdated struct {
	envelope
	*StreamInfo
}

func (c *call) streamUpdate(resp *streamUpdated) *apierr.Error {
	var q StreamConfigRequest
	if err := c.decode(&q); err != nil {
		return err
	}
	if q.Name != "" && q.Name != c.streamName() {
		return apierr.StreamMismatch.Err()
	}
	s, err := c.door.api.engine.Update(c.door.account, q.StreamConfig, q.Pedantic)
	if err != nil {
		return err
	}
	resp.StreamInfo = c.changed(s)
	c.streamAction("UPDATED", "modify", s.Name())
	return nil
}

type succeeded struct {
	envelope
	Success bool `json:"success,omitempty"`
}

func (c *call) streamDelete(resp *succeeded) *apierr.Error {
	if !wire.IsEmpty(c.payload) {
		return apierr.NotEmptyRequest.Err()
	}
	name := c.streamName()
	consumers := c.consumersOf(name)
	if err := c.door.api.engine.Delete(c.door.account, name); err != nil {
		return err
	}
	resp.Success = true
	c.consumersDeleted(name, consumers)
	c.streamAction("DELETED", "delete", name)
	return nil
}

// The names of types of requests show in the texts of errors.

type JSApiStreamPurgeRequest struct {
	Sequence uint64 `json:"seq,omitempty"`
	Subject  string `json:"filter,omitempty"`
	Keep     uint64 `json:"keep,omitempty"`
}

type streamPurged struct {
	succeeded
	Purged uint64 `json:"purged"`
}

func (c *call) streamPurge(resp *streamPurged) *apierr.Error {
	var q JSApiStreamPurgeRequest
	if err := c.decodeOptions(&q); err != nil {
		return err
	}
	if q.Sequence > 0 && q.Keep > 0 {
		return apierr.BadRequest.Err()
	}
	s, err := c.stream()
	if err != nil {
		return err
	}
	r := s.Propose(stream.Purge{Filter: q.Subject, Before: q.Sequence, Keep: q.Keep}.Encode(nil), true)
	if r.Err != nil {
		return r.Err
	}
	resp.Success, resp.Purged = true, r.Removed
	return nil
}

type ApiPagedRequest struct {
	Offset int `json:"offset"`
}

type JSApiStreamNamesRequest struct {
	ApiPagedRequest
	Subject string `json:"subject,omitempty"`
}

type streamNames struct {
	envelope
	page
	Streams []string `json:"streams"`
}

func (c *call) streamNames(resp *streamNames) *apierr.Error {
	var q JSApiStreamNamesRequest
	if err := c.decodeOptions(&q); err != nil {
		return err
	}
	list := c.streams(q.Subject)
	from, to := resp.cut(len(list), q.Offset, namesPage)
	for _, s := range list[from:to] {
		resp.Streams = append(resp.Streams, s.Name())
	}
	return nil
}

// streams are those of the account whose subjects overlap with a filter, which may be empty.
func (c *call) streams(filter string) []Stream {
	list := c.door.api.engine.Streams(c.door.account)
	if filter == "" {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(s Stream) bool {
		return !slices.ContainsFunc(s.Config().Subjects, func(own string) bool { return subject.Overlap(own, filter) })
	})
}

type JSApiStreamListRequest struct {
	ApiPagedRequest
	Subject string `json:"subject,omitempty"`
}

type streamList struct {
	envelope
	page
	Streams []StreamInfo `json:"streams"`
}

func (l *streamList) defaults() { l.Streams = []StreamInfo{} }

func (c *call) streamList(resp *streamList) *apierr.Error {
	var q JSApiStreamListRequest
	if err := c.decodeOptions(&q); err != nil {
		return err
	}
	list := c.streams(q.Subject)
	from, to := resp.cut(len(list), q.Offset, listPage)
	for _, s := range list[from:to] {
		resp.Streams = append(resp.Streams, c.door.api.infoOf(s))
	}
	return nil
}

type JSApiStreamInfoRequest struct {
	ApiPagedRequest
	DeletedDetails bool   `json:"deleted_details,omitempty"`
	SubjectsFilter string `json:"subjects_filter,omitempty"`
}

type streamInformed struct {
	envelope
	page
	*StreamInfo
}

func (c *call) streamInfo(resp *streamInformed) *apierr.Error {
	var q JSApiStreamInfoRequest
	if err := c.decodeOptions(&q); err != nil {
		return err
	}
	s, err := c.stream()
	if err != nil {
		return err
	}
	info := c.changed(s)
	info.Cluster = &ClusterInfo{Leader: c.door.api.opt.Server}
	if q.DeletedDetails {
		info.State.Deleted = deletedOf(s)
	}
	if q.SubjectsFilter != "" {
		all := subjectsOf(s, q.SubjectsFilter)
		names := sortedKeys(all)
		from, to := resp.cut(len(names), q.Offset, subjectsPage)
		if resp.Offset = max(q.Offset, 0); len(names) == 0 {
			resp.page = page{Offset: resp.Offset}
		}
		info.State.Subjects = make(map[string]uint64, to-from)
		for _, name := range names[from:to] {
			info.State.Subjects[name] = all[name]
		}
	}
	resp.StreamInfo = info
	return nil
}

// maxDeletedShown bounds the sequences that a response lists one by one.
const maxDeletedShown = 1 << 20

// deletedOf lists the sequences whose messages are gone.
func deletedOf(s Stream) (list []uint64) {
	s.View(func(state *stream.State) {
		for first, last := range state.Deleted() {
			for seq := first; seq <= last && len(list) < maxDeletedShown; seq++ {
				list = append(list, seq)
			}
		}
	})
	return list
}

func subjectsOf(s Stream, filter string) map[string]uint64 {
	all := map[string]uint64{}
	s.View(func(state *stream.State) {
		for name, n := range state.SubjectsLike(filter) {
			all[string(name)] = n
		}
	})
	return all
}
