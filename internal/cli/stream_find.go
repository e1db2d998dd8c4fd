package cli

import "github.com/nats-io/nats.go/jetstream"

// printStreams shows streams as a table.
func (t *streamTool) printStreams(infos []*jetstream.StreamInfo) error {
	if len(infos) == 0 {
		t.con.logf("No Streams found")
		return nil
	}
	list := newTable("Name", "Description", "Created", "Messages", "Size", "Last Message")
	for _, i := range infos {
		list.row(i.Config.Name, i.Config.Description, i.Created.Local().Format(stamp), countText(i.State.Msgs),
			bytesText(i.State.Bytes), sinceText(i.State.LastTime))
	}
	return list.print(t.con)
}
