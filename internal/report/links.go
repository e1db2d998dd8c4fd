package report

import "time"

// Routez lists the routes to other servers of the cluster.
type Routez struct {
	ServerID   string     `json:"server_id"`
	ServerName string     `json:"server_name"`
	Now        time.Time  `json:"now"`
	NumRoutes  int        `json:"num_routes"`
	Routes     []struct{} `json:"routes"`
}

// Gatewayz lists the gateways to other clusters, by name.
type Gatewayz struct {
	ServerID string              `json:"server_id"`
	Now      time.Time           `json:"now"`
	Outbound map[string]struct{} `json:"outbound_gateways"`
	Inbound  map[string]struct{} `json:"inbound_gateways"`
}

// Leafz lists the leaf nodes.
type Leafz struct {
	ServerID string     `json:"server_id"`
	Now      time.Time  `json:"now"`
	NumLeafs int        `json:"leafnodes"`
	Leafs    []struct{} `json:"leafs"`
}

// Routez is empty: the server stands alone.
func (v *Views) Routez() *Routez {
	id := v.source.Identity()
	return &Routez{ServerID: id.ID, ServerName: id.Name, Now: v.now(), Routes: []struct{}{}}
}

// Gatewayz is empty: the server stands alone.
func (v *Views) Gatewayz() *Gatewayz {
	return &Gatewayz{ServerID: v.id(), Now: v.now(), Outbound: map[string]struct{}{}, Inbound: map[string]struct{}{}}
}

// Leafz is empty: the server stands alone.
func (v *Views) Leafz() *Leafz {
	return &Leafz{ServerID: v.id(), Now: v.now(), Leafs: []struct{}{}}
}
