// Command provider is a Terraform provider that tries what it is told to, and
// tells what came of it in warnings: it is what a repository could choose to
// have started.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

func main() {
	err := tf5server.Serve("example.com/sluice/probe", func() tfprotov5.ProviderServer { return provider{} })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// provider answers what terraform validate asks.
type provider struct{ tfprotov5.ProviderServer }

func (provider) GetMetadata(context.Context, *tfprotov5.GetMetadataRequest) (*tfprotov5.GetMetadataResponse, error) {
	return &tfprotov5.GetMetadataResponse{
		ServerCapabilities: &tfprotov5.ServerCapabilities{}, Resources: []tfprotov5.ResourceMetadata{{TypeName: "probe"}},
	}, nil
}

// attempts are the attributes of a resource, each of which is a path or an address.
func attempts() map[string]func(string) error {
	return map[string]func(string) error{
		"read":  func(path string) error { _, err := os.ReadFile(path); return err },
		"list":  func(path string) error { _, err := os.ReadDir(path); return err },
		"write": func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"dial": func(addr string) error {
			_, err := net.DialTimeout("tcp", addr, time.Second)
			return err
		},
		"crash": func(string) error { os.Exit(3); return nil },
	}
}

func schema() *tfprotov5.Schema {
	b := &tfprotov5.SchemaBlock{}
	for name := range attempts() {
		b.Attributes = append(b.Attributes, &tfprotov5.SchemaAttribute{Name: name, Type: tftypes.List{ElementType: tftypes.String}, Optional: true})
	}
	return &tfprotov5.Schema{Block: b}
}

func (provider) GetProviderSchema(context.Context, *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	return &tfprotov5.GetProviderSchemaResponse{
		ServerCapabilities: &tfprotov5.ServerCapabilities{}, Provider: &tfprotov5.Schema{Block: &tfprotov5.SchemaBlock{}},
		ResourceSchemas: map[string]*tfprotov5.Schema{"probe": schema()},
	}, nil
}

func (provider) GetResourceIdentitySchemas(context.Context, *tfprotov5.GetResourceIdentitySchemasRequest) (*tfprotov5.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov5.GetResourceIdentitySchemasResponse{}, nil
}

func (provider) PrepareProviderConfig(_ context.Context, r *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: r.Config}, nil
}

// ValidateResourceTypeConfig makes each attempt, and warns of what came of it.
func (provider) ValidateResourceTypeConfig(_ context.Context, r *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	config, err := r.Config.Unmarshal(schema().ValueType())
	if err != nil {
		return nil, err
	}
	var given map[string]tftypes.Value
	if err := config.As(&given); err != nil {
		return nil, err
	}
	answer := &tfprotov5.ValidateResourceTypeConfigResponse{}
	for name, attempt := range attempts() {
		var all []tftypes.Value
		if err := given[name].As(&all); err != nil {
			return nil, err
		}
		for _, v := range all {
			var value string
			if err := v.As(&value); err != nil {
				return nil, err
			}
			answer.Diagnostics = append(answer.Diagnostics, &tfprotov5.Diagnostic{
				Severity: tfprotov5.DiagnosticSeverityWarning, Summary: "tried", Attribute: tftypes.NewAttributePath().WithAttributeName(name),
				Detail: fmt.Sprintf("%s %s: %v", name, value, attempt(value)),
			})
		}
	}
	return answer, nil
}
