// Called reaches a vulnerable function, through a package of its own.
package main

import (
	"fmt"
	"os"

	"example.com/called/tongue"
)

func main() {
	for _, name := range os.Args[1:] {
		fmt.Println(tongue.Of(name))
	}
}
