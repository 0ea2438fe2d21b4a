// Command kube-apiserver is the Kubernetes API server, as its own project builds it.
package main

import (
	"os"
	_ "time/tzdata" // CronJobs name time zones, which the machine may not have

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
