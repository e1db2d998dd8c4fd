package cli

import "fmt"

// streamQuestions are asked in this order when a stream is made, with answers as the flags take them.
var streamQuestions = []question{
	{"storage", "Storage", "file", streamChoices["storage"]},
	{"replicas", "Replication", "1", nil},
	{"retention", "Retention Policy", "limits", streamChoices["retention"]},
	{"discard", "Discard Policy", "old", streamChoices["discard"]},
	{"max-msgs", "Stream Messages Limit", "-1", nil},
	{"max-msgs-per-subject", "Per Subject Messages Limit", "-1", nil},
	{"max-bytes", "Total Stream Size", "-1", nil},
	{"max-age", "Message TTL", "0", nil},
	{"max-msg-size", "Max Message Size", "-1", nil},
	{"dupe-window", "Duplicate tracking time window", "", nil},
}

// streamAllowances are questions for yes or no. The flag stands for yes.
var streamAllowances = []struct {
	flag, question string
}{
	{"allow-rollup", "Allow message Roll-ups"},
	{"deny-delete", "Deny message deletion"},
	{"deny-purge", "Deny purging subjects or the entire stream"},
}

// askRest asks what no flag says and most streams are told.
func (a *streamAdd) askRest(cfg *document) error {
	for _, q := range streamQuestions {
		f := flagFor(q.flag)
		if _, given := a.asked[f.member]; given {
			continue
		}
		take := func(answer string) error {
			value, err := f.parse(answer)
			if err == nil {
				cfg.set(f.member, value)
			}
			return err
		}
		if err := a.con.answer(q, take); err != nil {
			return err
		}
	}
	for _, q := range streamAllowances {
		f := flagFor(q.flag)
		if _, given := a.asked[f.member]; given {
			continue
		}
		yes, err := a.con.askYes(q.question, false)
		if err != nil {
			return err
		}
		cfg.set(f.member, yes)
	}
	return nil
}

// flagFor is the flag of this name, which there must be.
func flagFor(name string) documentFlag {
	for _, list := range [][]documentFlag{streamFixed, streamChangeable, streamSwitches} {
		for _, f := range list {
			if f.name == name {
				return f
			}
		}
	}
	panic("cli: no flag --" + name)
}

// askOrigins asks for the details of what is copied, where only its name is known.
func (a *streamAdd) askOrigins(cfg *document) error {
	mirror := &document{}
	if cfg.get("mirror", mirror); len(mirror.members) == 1 {
		if err := a.askOrigin(mirror); err != nil {
			return err
		}
		cfg.set("mirror", mirror)
	}
	var sources []*document
	cfg.get("sources", &sources)
	for _, source := range sources {
		if len(source.members) > 1 {
			continue
		}
		if err := a.askOrigin(source); err != nil {
			return err
		}
	}
	if sources != nil {
		cfg.set("sources", sources)
	}
	return nil
}

func (a *streamAdd) askOrigin(origin *document) error {
	name := origin.text("name")
	yes, err := a.con.askYes(fmt.Sprintf("Adjust what is copied from %q", name), false)
	if err != nil || !yes {
		return err
	}
	start, err := a.con.ask("Start at sequence", "", "")
	if err != nil {
		return err
	}
	if start != "" {
		seq, err := parseSequence(start)
		if err != nil {
			return err
		}
		origin.set("opt_start_seq", seq)
	}
	filter, err := a.con.ask("Only messages on subject", "", "")
	if err == nil && filter != "" {
		origin.set("filter_subject", filter)
	}
	return err
}
