// SPDX-License-Identifier: AGPL-3.0-only

// Command kubectl is the stock kubectl, built from its published Go module (test tool only).
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
)

func main() { os.Exit(cli.Run(cmd.NewDefaultKubectlCommand())) }
