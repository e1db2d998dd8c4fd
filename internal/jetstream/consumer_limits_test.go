package jetstream

import (
	"strings"
	"testing"

	"myelin/internal/stream"
)

// What the server and the account allow consumers, as a stock server has it: the account's number counts for each
// stream by itself.
func TestLimitsOfConsumers(t *testing.T) {
	x := newEngineTesterWith(t, func(o *Options) {
		limits := Unlimited
		limits.MaxConsumers, limits.MaxAckPending = 2, 40
		o.Limits = func(string) *Limits { return &limits }
		o.ConsumerBounds = stream.ConsumerBounds{MaxAckPending: 50, MaxRequestBatch: 20}
	})
	for _, name := range []string{"S", "T"} {
		x.request("$JS.API.STREAM.CREATE."+name, "", `{"name":"`+name+`","subjects":["`+name+`.>"]}`)
	}
	for _, c := range []struct{ at, config, want string }{
		{"S.A", `"ack_policy":"explicit"`, `"max_ack_pending":40,"max_batch":20,`},
		{"S.A", `"ack_policy":"explicit","max_ack_pending":45`, `"description":"consumer max ack pending exceeds system limit of 40"`},
		{"S.A", `"ack_policy":"explicit","max_batch":21`, `"description":"consumer max request batch exceeds server limit of 20"`},
		{"S.B", ``, `"max_batch":20,`},
		{"S.C", ``, `"err_code":10026,`},
		{"S.B", `"description":"again"`, `"description":"again"`},
		{"T.A", ``, `"name":"A"`},
	} {
		of, _, _ := strings.Cut(c.at, ".")
		got := x.request("$JS.API.CONSUMER.CREATE."+c.at, "", `{"stream_name":"`+of+`","config":{`+c.config+`}}`)
		if len(got) != 1 || !strings.Contains(got[0].body, c.want) {
			t.Errorf("%s {%s}: %+v, want %s", c.at, c.config, got, c.want)
		}
	}
}
