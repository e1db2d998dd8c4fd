package jwts

import (
	"errors"
	"net/netip"
	"time"

	"github.com/nats-io/jwt/v2"

	"myelin/internal/auth"
)

// Refusals of users: what the log says.
var (
	errIssuer     = errors.New("not signed by the account")
	errStrict     = errors.New("signed by the account's own key, where a signing key is required")
	errBearer     = errors.New("bearer tokens are not allowed in the account")
	errRevoked    = errors.New("revoked")
	errExpired    = errors.New("expired")
	errEarly      = errors.New("not valid yet")
	errSignature  = errors.New("the nonce is not signed by the user")
	errConnection = errors.New("not allowed to connect that way")
	errProxy      = errors.New("did not come through a trusted proxy")
	errAddress    = errors.New("bad source address")
	errTimes      = errors.New("outside of connect times")
	errAsked      = errors.New("the account asks a service who may connect by now")
	errAccountEnd = errors.New("the account has expired")
)

// visit is what a connection has shown beside the JWT, as far as it is asked again when the claims of its account change.
type visit struct {
	signed  bool // it has signed its nonce
	proxy   string
	address netip.Addr
	way     auth.ConnectionTypes
}

// issuer is the account that the claims are of.
func issuer(c *jwt.UserClaims) string {
	if c.IssuerAccount != "" {
		return c.IssuerAccount
	}
	return c.Issuer
}

// readUser reads the JWT of a user.
func readUser(token string) (*jwt.UserClaims, error) {
	if len(token) > maxToken {
		return nil, jwt.ErrTokenTooLarge
	}
	c, err := jwt.DecodeUserClaims(token)
	if err != nil {
		return nil, err
	}
	var problems jwt.ValidationResults
	c.Validate(&problems)
	if problems.IsBlocking(false) {
		return nil, errors.Join(problems.Errors()...)
	}
	return c, nil
}

// admit says who a user of the account is, or why it is not let in.
func (a *Account) admit(c *jwt.UserClaims, v *visit, now time.Time) (*auth.Identity, error) {
	limits, err := a.vouch(c)
	if err != nil {
		return nil, err
	}
	expires, err := a.within(c, limits, now)
	if err != nil {
		return nil, err
	}
	permissions := a.permissions(limits)
	if external := &a.Claims.Authorization; external.IsEnabled() {
		permissions = auth.Fence(permissions, external.AuthUsers.Contains(c.Subject))
	}
	identity, err := person(c, limits, permissions, v)
	if err != nil {
		return nil, err
	}
	last := unix(a.Claims.Expires)
	identity.Account, identity.Expires = a.ID, earliest(expires, last)
	identity.Claims.AccountName, identity.Claims.AccountExpires = a.Name(), !last.IsZero() && identity.Expires.Equal(last)
	return identity, nil
}

// person is somebody who is let in, as far as no account has a say.
func person(c *jwt.UserClaims, limits *jwt.UserPermissionLimits, p *auth.Permissions, v *visit) (*auth.Identity, error) {
	if err := welcome(limits, v); err != nil {
		return nil, err
	}
	types, err := connectionTypes(limits.AllowedConnectionTypes)
	switch {
	case err != nil:
		return nil, err
	case types != 0 && types&v.way == 0:
		return nil, errConnection
	}
	rights, err := auth.NewRights(p)
	if err != nil {
		return nil, err
	}
	return &auth.Identity{
		User: c.Subject, Rights: rights, Proxy: v.proxy, ConnectionTypes: types, Type: v.way,
		Claims: &auth.Claims{
			Name: c.Name, Issuer: c.Issuer, Tags: c.Tags, Address: v.address, Bearer: limits.BearerToken,
			MaxSubscriptions: int(limits.Subs), MaxPayload: int(limits.Limits.Payload),
		},
	}, nil
}

// vouch checks that the account, or one of its signing keys, has signed the claims, and returns what they allow.
func (a *Account) vouch(c *jwt.UserClaims) (*jwt.UserPermissionLimits, error) {
	if issuer(c) != a.ID {
		return nil, errIssuer
	}
	if c.Issuer == a.ID {
		if a.strict {
			return nil, errStrict
		}
		return &c.UserPermissionLimits, nil
	}
	scope, ok := a.Claims.SigningKeys.GetScope(c.Issuer)
	switch {
	case !ok:
		return nil, errIssuer
	case scope == nil:
		return &c.UserPermissionLimits, nil
	}
	if err := scope.ValidateScopedSigner(c); err != nil {
		return nil, err
	}
	template, ok := scope.(*jwt.UserScope)
	if !ok {
		return nil, errIssuer
	}
	return a.fill(&template.Template, c)
}

// within checks revocation and time, and returns when the user's time is over; zero for never.
func (a *Account) within(c *jwt.UserClaims, limits *jwt.UserPermissionLimits, now time.Time) (time.Time, error) {
	switch {
	case a.Claims.IsClaimRevoked(c):
		return time.Time{}, errRevoked
	case a.Expired(now):
		return time.Time{}, errAccountEnd
	case !a.Valid(now), c.NotBefore > now.Unix():
		return time.Time{}, errEarly
	case c.Expires != 0 && c.Expires <= now.Unix():
		return time.Time{}, errExpired
	case limits.BearerToken && a.Claims.Limits.DisallowBearer:
		return time.Time{}, errBearer
	}
	return ends(c, limits, now)
}

// welcome checks what the connection shows.
func welcome(limits *jwt.UserPermissionLimits, v *visit) error {
	switch {
	case !v.signed && !limits.BearerToken:
		return errSignature
	case limits.ProxyRequired && v.proxy == "":
		return errProxy
	case len(limits.Src) == 0:
		return nil
	}
	for _, text := range limits.Src {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return err
		}
		if network.Contains(v.address.Unmap().WithZone("")) {
			return nil
		}
	}
	return errAddress
}

// connectionTypes are those of the list, of which the unknown ones are nobody's; 0 for all if the list is empty.
func connectionTypes(list []string) (types auth.ConnectionTypes, err error) {
	for _, name := range list {
		types |= auth.ParseConnectionType(name)
	}
	if types == 0 && len(list) > 0 {
		return 0, errConnection
	}
	return types, nil
}

// permissions are those of a user, or the account's defaults for one that has none; nil for none that limit anything.
func (a *Account) permissions(limits *jwt.UserPermissionLimits) *auth.Permissions {
	if noPermissions(&limits.Permissions) {
		return permissions(&a.Claims.DefaultPermissions)
	}
	return permissions(&limits.Permissions)
}

// permissions are those of claims; nil for none that limit anything.
func permissions(p *jwt.Permissions) *auth.Permissions {
	if noPermissions(p) {
		return nil
	}
	own := &auth.Permissions{
		Publish:   auth.Subjects{Allow: p.Pub.Allow, Deny: p.Pub.Deny},
		Subscribe: auth.Subjects{Allow: p.Sub.Allow, Deny: p.Sub.Deny},
	}
	if p.Resp != nil {
		own.Responses = &auth.Responses{Max: p.Resp.MaxMsgs, Expires: p.Resp.Expires}
	}
	return own
}

func noPermissions(p *jwt.Permissions) bool { return p.Pub.Empty() && p.Sub.Empty() && p.Resp == nil }
