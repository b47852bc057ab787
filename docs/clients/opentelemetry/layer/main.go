// An external extension that runs the OpenTelemetry Collector in the sandbox of a function.
//
// The Collector is OpenTelemetry's, of its released modules. The receiver of the Telemetry API and
// the extension's life (register, next, shutdown) are this folder's: the layer that OpenTelemetry
// publishes has no released Go module.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

const configuration = "file:/opt/collector.yaml"

func components() (otelcol.Factories, error) {
	receivers, err := otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory(), newTelemetryReceiver())
	if err != nil {
		return otelcol.Factories{}, err
	}
	exporters, err := otelcol.MakeFactoryMap[exporter.Factory](otlphttpexporter.NewFactory(), debugexporter.NewFactory())
	return otelcol.Factories{Receivers: receivers, Exporters: exporters, Telemetry: otelconftelemetry.NewFactory()}, err
}

func startCollector() (*otelcol.Collector, <-chan error) {
	uri := os.Getenv("OPENTELEMETRY_COLLECTOR_CONFIG_URI")
	if uri == "" {
		uri = configuration
	}
	collector, err := otelcol.NewCollector(otelcol.CollectorSettings{
		Factories:               components,
		DisableGracefulShutdown: true, // SIGTERM comes with SHUTDOWN, which is waited for below
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              []string{uri},
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), envprovider.NewFactory()},
			DefaultScheme:     "env",
		}},
	})
	if err != nil {
		log.Fatalf("the collector cannot be made: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- collector.Run(context.Background()) }()
	for collector.GetState() == otelcol.StateStarting {
		select {
		case err := <-ended:
			log.Fatalf("the collector has ended: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	return collector, ended
}

func main() {
	log.SetFlags(0)
	if err := extension.register(); err != nil {
		log.Fatal(err)
	}
	collector, ended := startCollector() // its receiver subscribes to the Telemetry API
	for {
		event, err := extension.next()
		if err != nil {
			log.Fatal(err)
		}
		if event.EventType == "SHUTDOWN" {
			extension.drain()
			collector.Shutdown()
			<-ended
			return
		}
		extension.awaitEndOf(event.RequestID) // else the sandbox is frozen before its events came
	}
}
