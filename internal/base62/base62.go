// Package base62 has the letters and digits that names are made of which nobody chose, and the short hash by which
// stock servers, and so we, stand for a longer text in subjects and names.
package base62

import "crypto/sha256"

// Digits are the 62 characters, in the order of their values.
const Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// HashChars is how long a Hash is.
const HashChars = 8

// Hash stands for a text: the first bytes of its SHA-256, each as the digit that it is modulo 62.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	hash := sum[:HashChars]
	for i, b := range hash {
		hash[i] = Digits[int(b)%len(Digits)]
	}
	return string(hash)
}
