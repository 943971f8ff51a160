// Package layout knows what wazero keeps to itself: the fields of its call engines, by
// their names, and the frames of compiled code. It depends on nothing that a program is
// made of, so that tests of any package can use it.
package layout

import (
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// Features are the WebAssembly features that modules may use.
const Features = api.CoreFeaturesV2 | experimental.CoreFeaturesThreads |
	experimental.CoreFeaturesTailCall | experimental.CoreFeaturesExceptionHandling |
	experimental.CoreFeaturesExtendedConst
