// Imported uses a vulnerable package, and none of its vulnerable functions.
package main

import (
	"fmt"

	"golang.org/x/text/language"
)

func main() { fmt.Println(language.English) }
