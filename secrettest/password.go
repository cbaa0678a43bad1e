package secrettest

import (
	"crypto/rand"
	"math/big"
	"strings"
)

type getRandomPasswordInput struct {
	ExcludeCharacters       *string `len:"0,4096"`
	ExcludeLowercase        *bool
	ExcludeNumbers          *bool
	ExcludePunctuation      *bool
	ExcludeUppercase        *bool
	IncludeSpace            *bool
	PasswordLength          *int64 `range:"1,4096"`
	RequireEachIncludedType *bool
}

type getRandomPasswordOutput struct {
	RandomPassword string
}

// getRandomPassword makes a password. The default has 32 characters, with at least one of
// each type. A type is excluded if all its characters are.
func (s *Server) getRandomPassword(in *getRandomPasswordInput) (any, error) {
	yes := func(b *bool) bool { return b != nil && *b }
	excluded := ""
	if in.ExcludeCharacters != nil {
		excluded = *in.ExcludeCharacters
	}
	var types []string
	for _, t := range []struct {
		excluded   bool
		characters string
	}{
		{yes(in.ExcludeLowercase), "abcdefghijklmnopqrstuvwxyz"},
		{yes(in.ExcludeUppercase), "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
		{yes(in.ExcludeNumbers), "0123456789"},
		{yes(in.ExcludePunctuation), "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"},
	} {
		left := without(t.characters, excluded)
		if !t.excluded && left != "" {
			types = append(types, left)
		}
	}
	all := strings.Join(types, "")
	if yes(in.IncludeSpace) {
		all += without(" ", excluded)
	}
	length := 32
	if in.PasswordLength != nil {
		length = int(*in.PasswordLength)
	}
	if in.RequireEachIncludedType != nil && !*in.RequireEachIncludedType {
		types = nil
	}
	switch {
	case all == "":
		return nil, invalidParameter("There is no character left to make a password of: every type of them is excluded.")
	case length < len(types):
		return nil, invalidParameter("Password length is too short based on the required types.")
	}
	return getRandomPasswordOutput{randomPassword(length, all, types)}, nil
}

// randomPassword returns random characters of all, with at least one of each type.
func randomPassword(length int, all string, types []string) string {
	password := make([]byte, length)
	for i := range password {
		from := all
		if i < len(types) {
			from = types[i]
		}
		password[i] = from[randomInt(len(from))]
	}
	for i := range password {
		j := i + randomInt(length-i)
		password[i], password[j] = password[j], password[i]
	}
	return string(password)
}

// randomInt returns a number below n that can't be guessed, since a test may use the
// password for a real database.
func randomInt(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic("secrettest: " + err.Error()) // crypto/rand does not fail
	}
	return int(i.Int64())
}

func without(characters, excluded string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(excluded, r) {
			return -1
		}
		return r
	}, characters)
}
