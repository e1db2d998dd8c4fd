package resolver

// Cache asks another source for what a directory does not have.
type Cache struct {
	*Directory
	Behind interface {
		Fetch(id string) (string, error)
	}
	Good func(id, token string) error // what is wrong with an answer, so that it is not kept
}

// Fetch implements jwts.Source.
func (c *Cache) Fetch(id string) (string, error) {
	token, err := c.Directory.Fetch(id)
	if err != ErrUnknown {
		return token, err
	}
	if token, err = c.Behind.Fetch(id); err != nil {
		return "", err
	}
	if err := c.Good(id, token); err != nil {
		return "", err
	}
	return token, c.Save(id, token)
}
