package stream

import "myelin/internal/apierr"

// CheckUpdate completes and validates the configuration that is to replace old, which Check or CheckUpdate
// returned. Sealing a stream brings settings of its own.
func CheckUpdate(old *Config, cfg Config, bounds Bounds, pedantic bool) (*Config, *apierr.Error) {
	c := check{&cfg, bounds, pedantic}
	if err := c.run(); err != nil {
		return nil, err
	}
	if err := c.change(old); err != nil {
		return nil, err
	}
	if c.Sealed {
		c.MaxAge, c.Discard, c.DenyDelete, c.DenyPurge, c.AllowRollup = 0, DiscardNew, true, true, false
	}
	return c.Config, nil
}

// change finds what an update may not change.
func (c *check) change(old *Config) *apierr.Error {
	const prefix = "stream configuration update can not "
	switch {
	case c.Name != old.Name:
		return apierr.StreamMismatch.Err()
	case c.Storage != old.Storage:
		return invalid(prefix + "change storage type")
	case c.Retention != old.Retention && (c.Retention == WorkQueue || old.Retention == WorkQueue):
		return invalid(prefix + "change retention policy to/from workqueue")
	case old.Sealed && !c.Sealed:
		return invalid(prefix + "unseal a sealed stream")
	case old.DenyDelete && !c.DenyDelete:
		return invalid(prefix + "cancel deny message deletes")
	case old.DenyPurge && !c.DenyPurge:
		return invalid(prefix + "cancel deny purge")
	case c.Mirror != nil && (old.Mirror == nil || !c.Mirror.equal(old.Mirror)):
		return apierr.StreamMirrorNotUpdatable.Err()
	case old.AllowTTL && !c.AllowTTL:
		return invalid("message TTL status can not be disabled")
	case old.AllowCounter != c.AllowCounter:
		return invalid(prefix + "change message counter setting")
	case old.AllowSchedules && !c.AllowSchedules:
		return invalid("message schedules can not be disabled")
	case old.PersistMode != c.PersistMode:
		return invalid(prefix + "change persist mode")
	}
	return nil
}
