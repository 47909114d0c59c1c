package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
)

const secretBytes = 32

var apiKeyForm = regexp.MustCompile(`^key_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})_[\w-]{43}$`)

// newSecret returns 256 random bits.
func newSecret() string {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails
	return base64.RawURLEncoding.EncodeToString(secret)
}

func newAPIKey(id string) string {
	return "key_" + strings.ReplaceAll(id, "-", "") + "_" + newSecret()
}

// idOfAPIKey returns false for what is no API key.
func idOfAPIKey(key string) (string, bool) {
	match := apiKeyForm.FindStringSubmatch(key)
	if match == nil {
		return "", false
	}
	return strings.Join(match[1:], "-"), true
}

// hashSecret returns what is stored: with this much chance in it, a plain hash cannot be turned back.
func hashSecret(secret string) string {
	digest := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(digest[:])
}

// IsSameSecret compares in a time that tells nothing.
func IsSameSecret(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(hashSecret(a)), []byte(hashSecret(b))) == 1
}
