package jetstream

import (
	"fmt"
	"runtime"
	"testing"
)

// What an idle consumer takes in all: bytes of memory that lives for each of ten thousand, durable, with a filter of its own
// and with none.
func BenchmarkMemoryPerConsumer(b *testing.B) {
	const n = 10_000
	for name, filter := range map[string]string{"own": `,"filter_subject":"s.%06d"`, "none": ""} {
		b.Run(name, func(b *testing.B) {
			x := newEngineTester(b)
			x.request("$JS.API.STREAM.CREATE.S", "", `{"name":"S","subjects":["s.>"]}`)
			for range b.N {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				for i := range n {
					name, own := fmt.Sprintf("CONSUMER%06d", i), ""
					if filter != "" {
						own = fmt.Sprintf(filter, i)
					}
					x.request("$JS.API.CONSUMER.CREATE.S."+name, "", `{"stream_name":"S","config":{"durable_name":"`+name+`","ack_policy":"explicit"`+own+`}}`)
				}
				runtime.GC()
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/consumer")
				b.ReportMetric(float64(after.HeapObjects-before.HeapObjects)/n, "objects/consumer")
				for i := range n {
					x.request(fmt.Sprintf("$JS.API.CONSUMER.DELETE.S.CONSUMER%06d", i), "", "")
				}
			}
		})
	}
}
