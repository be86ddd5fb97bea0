// Required uses another package of a vulnerable module.
package main

import (
	"fmt"

	"golang.org/x/text/runes"
)

func main() { fmt.Println(runes.Remove(nil)) }
