package loadgen

// tlsCases are some of the others over TLS 1.3.
func tlsCases() []Case {
	faster := ratioAtLeast(Rate, 1.3)
	cases := []Case{
		fanout(1, 1, 16).cased("tls-1to1-16B", "TLS: 1 publisher, 1 subscriber, 16 B", faster),
		fanout(1, 1, 128).cased("tls-1to1-128B", "TLS: 1:1, 128 B", faster),
		fanout(1, 1, 1<<10).cased("tls-1to1-1KB", "TLS: 1:1, 1 KB", faster),
		fanout(1, 1, 64<<10).cased("tls-1to1-64KB", "TLS: 1:1, 64 KB", ratioAtLeast(Rate, 1)),
		fanout(1, 4, 16).cased("tls-1to4-16B", "TLS: 1 to 4 fan-out, 16 B", faster),
		{Name: "tls-request-1", Title: "TLS: request/reply, 1 client in flight", Run: requests(1),
			Goals: []Goal{ratioAtMost(P50, 1), ratioAtMost(P99, 1), ratioAtMost(CPU, 1)}},
		{Name: "tls-connect", Title: "TLS: connections opened one after the other by 4 clients", Run: connects(4, nil),
			Goals: []Goal{ratioAtLeast(Rate, 1)}},
		{Name: "tls-memory", Title: "TLS: idle connection with one subscription, each of 2,000", Run: idleConnections(2000),
			Once: true, Goals: []Goal{ratioAtMost(Memory, 1)}},
	}
	for i := range cases {
		cases[i].Secure = true
	}
	return cases
}
