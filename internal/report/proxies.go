package report

// Proxy is a proxy that may vouch for connections.
type Proxy struct {
	Key string `json:"key"` // public
}

// Proxies are those that are trusted.
type Proxies struct {
	Trusted []Proxy `json:"trusted"`
}

// proxies describes the keys of trusted proxies; nil for none.
func proxies(keys []string) *Proxies {
	if len(keys) == 0 {
		return nil
	}
	p := &Proxies{Trusted: make([]Proxy, len(keys))}
	for i, key := range keys {
		p.Trusted[i].Key = key
	}
	return p
}

// proxy describes the proxy of a connection by its key; nil for none.
func proxy(key string) *Proxy {
	if key == "" {
		return nil
	}
	return &Proxy{Key: key}
}
