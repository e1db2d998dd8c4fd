package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// table is output in aligned columns.
type table struct {
	text strings.Builder
}

func newTable(titles ...any) *table {
	t := &table{}
	t.row(titles...)
	return t
}

func (t *table) row(cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(&t.text, "%v\t", c)
	}
	t.text.WriteByte('\n')
}

func (t *table) print(con *console) error {
	w := tabwriter.NewWriter(con.out, 0, 8, 2, ' ', 0)
	if _, err := w.Write([]byte(t.text.String())); err != nil {
		return err
	}
	return w.Flush()
}
