package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Keys sign cookies and tokens, by HMAC-SHA256 (RFC 2104). The first signs;
// any of them may have signed what comes back, so that a new key can be put
// in front without signing anyone out.
type Keys [][]byte

// The limits of keys: shorter ones could be guessed, and each costs time for
// every forged cookie.
const (
	minKey  = 32
	maxKeys = 10
)

// NewKey makes a random key, in the form that ParseKeys reads.
func NewKey() string {
	key := make([]byte, minKey)
	_, _ = rand.Read(key) // never fails: it ends the program instead
	return base64.StdEncoding.EncodeToString(key)
}

// ParseKeys reads keys in base64, newest first, with commas or space between.
// Its errors do not show the keys.
func ParseKeys(s string) (Keys, error) {
	var keys Keys
	for i, field := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
		key, err := base64.StdEncoding.DecodeString(field)
		if err != nil {
			return nil, fmt.Errorf("key %d is not base64", i+1)
		}
		keys = append(keys, key)
	}
	return keys, keys.check()
}

func (k Keys) check() error {
	if len(k) == 0 {
		return fmt.Errorf("there is no key")
	}
	if len(k) > maxKeys {
		return fmt.Errorf("there are %d keys, more than %d", len(k), maxKeys)
	}
	for i, key := range k {
		if len(key) < minKey {
			return fmt.Errorf("key %d has %d bytes, fewer than %d", i+1, len(key), minKey)
		}
	}
	return nil
}

// sign returns the code of a text that was made for a purpose: a code for one
// purpose is worth nothing for another.
func sign(key []byte, purpose, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(purpose + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// signer returns the place of the key that made the code. The codes are
// compared as they are written, so that there is only one way to write each.
func (k Keys) signer(purpose, text, code string) (int, bool) {
	for i, key := range k {
		if hmac.Equal([]byte(sign(key, purpose, text)), []byte(code)) {
			return i, true
		}
	}
	return 0, false
}

// clockSkew is how far the clocks of two instances may be apart.
const clockSkew = time.Minute

// within tells whether something made at a time is not older than an age.
func within(made, now time.Time, age time.Duration) bool {
	return !made.After(now.Add(clockSkew)) && now.Sub(made) <= age
}

func formatTime(t time.Time) string { return strconv.FormatInt(t.Unix(), 36) }

func parseTime(s string) (time.Time, bool) {
	seconds, err := strconv.ParseInt(s, 36, 64)
	return time.Unix(seconds, 0), err == nil
}
