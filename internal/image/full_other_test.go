//go:build !linux

package image

const fullVariable = ""

func failOnFullDisk(Recipe, string) int { return 2 }
