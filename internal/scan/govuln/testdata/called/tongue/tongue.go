// Package tongue knows languages.
package tongue

import "golang.org/x/text/language"

// Of is the language of a name.
func Of(name string) string {
	tag, err := language.Parse(name)
	if err != nil {
		return "unknown"
	}
	return tag.String()
}
