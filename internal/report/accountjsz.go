package report

import (
	"fmt"
	"slices"
)

// AccountJSz describes the streams of one account, as JSz does among those of others. The error is for who asked.
func (v *Views) AccountJSz(name string, o JSzOptions) (*AccountDetail, error) {
	js := v.jetStream()
	if js == nil {
		return nil, fmt.Errorf("jetstream not enabled")
	}
	accounts := js.Accounts()
	i := slices.IndexFunc(accounts, func(a JetStreamAccount) bool { return a.Name == name })
	switch {
	case i >= 0:
	case slices.ContainsFunc(v.accounts(), func(a Account) bool { return a.Name == name }):
		return nil, fmt.Errorf("account %q not jetstream enabled", name)
	default:
		return nil, fmt.Errorf("account %q not found", name)
	}
	d := details{js: js, options: o, server: v.source.Identity().Name, now: v.now()}
	detail := d.account(accounts[i])
	return &detail, nil
}
