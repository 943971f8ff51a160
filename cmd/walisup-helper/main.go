// Command walisup-helper runs one wasm process for walisup.
package main

import "walisup/helper"

func main() { helper.Main() }
