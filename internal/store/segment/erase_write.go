package segment

import (
	"bytes"
	"errors"
	"hash/crc32"

	"myelin/internal/vfs"
)

const (
	// blankBytes is how much is overwritten in one write.
	blankBytes = 64 << 10
	// erasePortion is about how many bytes, in whole pages, are overwritten until they are synced: a longer sync would hold up those
	// of others.
	erasePortion = 1 << 20
	// pageBytes is what writing a few bytes costs the disk.
	pageBytes = 4 << 10
)

var blank = bytes.Repeat([]byte{erasedByte}, blankBytes)

// overwrite erases the payloads of frames in place. When the file goes on being read it makes their checksums agree
// then.
func (s *Set) overwrite(name string, places []place, seed uint32, stays bool) error {
	file, err := s.fs.OpenReadWrite(name)
	if err != nil {
		return err
	}
	for len(places) > 0 && err == nil {
		n := portion(places)
		err = s.overwritePortion(file, places[:n], seed, stays)
		places = places[n:]
	}
	return errors.Join(err, file.Close())
}

// portion is how many of the frames are overwritten with one sync.
func portion(places []place) (n int) {
	for bytes := int64(0); n < len(places) && bytes < erasePortion; n++ {
		bytes += pageBytes + places[n].frame.length()
	}
	return n
}

func (s *Set) overwritePortion(file vfs.File, places []place, seed uint32, stays bool) error {
	if err := s.overwriteEach(file, places, overwritePayload); err != nil || !stays {
		return err
	}
	return s.overwriteEach(file, places, func(file vfs.File, p place) error { return overwriteSums(file, p, seed) })
}

// overwriteEach writes something of each frame and syncs that. Readers see what was written whole.
func (s *Set) overwriteEach(file vfs.File, places []place, write func(vfs.File, place) error) error {
	for _, p := range places {
		s.erasing.Lock()
		err := write(file, p)
		s.erasing.Unlock()
		if err != nil {
			return err
		}
	}
	return file.Sync()
}

// overwritePayload erases the payload of a frame. There is one: no record comes without a subject.
func overwritePayload(file vfs.File, p place) error {
	at, end := p.offset+headSize, p.offset+p.frame.length()
	for ; at < end; at += blankBytes {
		if _, err := file.WriteAt(blank[:min(blankBytes, end-at)], at); err != nil {
			return err
		}
	}
	return nil
}

// overwriteSums writes the checksums of a frame whose payload is erased.
func overwriteSums(file vfs.File, p place, seed uint32) error {
	f := p.frame
	f.sum = 0
	for rest := f.length() - headSize; rest > 0; rest -= blankBytes {
		f.sum = crc32.Update(f.sum, castagnoli, blank[:min(blankBytes, rest)])
	}
	var head [headSize]byte
	f.put(head[:], seed, p.offset)
	_, err := file.WriteAt(head[:8], p.offset)
	return err
}
