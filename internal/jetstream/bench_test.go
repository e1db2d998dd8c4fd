package jetstream

import (
	"fmt"
	"testing"

	"myelin/internal/router"
)

// BenchmarkDirectGet answers direct gets of 10,000 keys with values of 128 bytes, 64 to a batch.
func BenchmarkDirectGet(b *testing.B) {
	x := newEngineTester(b)
	x.request("$JS.API.STREAM.CREATE.KV_b", "", `{"name":"KV_b","subjects":["$KV.b.>"],"allow_direct":true}`)
	const keys = 10000
	value := make([]byte, 128)
	for i := range keys {
		x.session.Publish(&router.Message{Subject: fmt.Appendf(nil, "$KV.b.key%d", i), Payload: value})
	}
	x.session.Flush()
	x.settleStreams()
	subjects := make([][]byte, keys)
	for i := range subjects {
		subjects[i] = fmt.Appendf(nil, "$JS.API.DIRECT.GET.KV_b.$KV.b.key%d", i*7919%keys)
	}
	reply := []byte("nobody.listens.here")
	var m router.Message
	d := &x.api.doors["$G"].direct
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m = router.Message{Subject: subjects[i%keys], Reply: reply}
		x.session.Publish(&m)
		if i%64 == 63 {
			x.session.Flush()
			d.workers.Wait()
		}
	}
}

// BenchmarkRequest asks for the info of a stream.
func BenchmarkRequest(b *testing.B) {
	x := newEngineTester(b)
	x.request("$JS.API.STREAM.CREATE.S", "", `{"name":"S"}`)
	b.ReportAllocs()
	for b.Loop() {
		x.publish("$JS.API.STREAM.INFO.S", "nobody", "", "")
	}
}
