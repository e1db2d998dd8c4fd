package nats

import (
	"errors"
	"strconv"
	"strings"

	"myelin/internal/auth"
	"myelin/internal/broker"
)

// about is what a client says of itself, and who it is.
type about struct {
	name, lang, version string

	user     string         // who it is, or says that it is; a word in place of a token
	identity *auth.Identity // nil for who was not let in

	full *broker.Account // that had no room for it; nil for none
}

// name notes what the client says of itself and who it turned out to be.
func (c *Conn) name(opt *connectOptions, r *auth.Request, identity *auth.Identity) {
	user := identity.User
	if user == "" {
		user = r.Claims()
	}
	if label := clientLabel(opt) + accountLabel(identity, r); label != "" || c.label.Load() != nil {
		c.label.Store(&label)
	}
	c.mu.Lock()
	if user == "" {
		user = c.about.user // said in an earlier CONNECT
	}
	c.about = about{name: opt.Name, lang: opt.Lang, version: opt.Version, user: user, identity: identity}
	c.mu.Unlock()
}

// claim notes who somebody is, or says to be, that has not been let in, as far as it is worth remembering; full is the account that
// had no room, nil if there was another reason.
func (c *Conn) claim(opt *connectOptions, user string, full *broker.Account) {
	c.mu.Lock()
	c.about = about{
		name: auth.Short(opt.Name), lang: auth.Short(opt.Lang), version: auth.Short(opt.Version), user: auth.Short(user), full: full,
	}
	c.mu.Unlock()
}

// said is who was refused: the user that its certificate names, or who the request says it is from.
func said(r *auth.Request, err error) string {
	var wrong *auth.Error
	if errors.As(err, &wrong) && wrong.User != "" {
		return wrong.User
	}
	return r.Claims()
}

// clientLabel is how the log names what a client says of itself.
func clientLabel(opt *connectOptions) string {
	var words []string
	if opt.Version != "" {
		words = append(words, "v"+opt.Version)
	}
	for _, word := range []string{opt.Lang, opt.Name} {
		if word != "" {
			words = append(words, word)
		}
	}
	if words == nil {
		return ""
	}
	return " - " + strconv.Quote(strings.Join(words, ":"))
}

// accountLabel is how the log names somebody who showed credentials.
func accountLabel(identity *auth.Identity, r *auth.Request) string {
	who := ""
	if claims := identity.Claims; claims != nil && claims.Service != "" {
		account := identity.Account
		if claims.AccountName != "" {
			account += "/" + claims.AccountName
		}
		return " - " + strconv.Quote(account+"/user:"+identity.User)
	} else if claims != nil {
		return " - " + strconv.Quote(identity.Account+"/"+claims.AccountName+"/jwt:"+identity.User)
	}
	switch {
	case r.NKey != "":
		who = "nkey:" + r.NKey
	case r.User != "":
		who = "user:" + r.User
	case identity.User != "":
		who = "user:" + identity.User
	case r.Token != "":
		who = "token"
	default:
		return ""
	}
	return " - " + strconv.Quote(identity.Account+"/"+who)
}
