package kafkatest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Secure is a node with a second listener that asks for a login and grants nothing
// that was not allowed.
type Secure struct {
	*Cluster
	Login string // host:port of the listener with SASL PLAIN, without TLS
}

// StartSecure runs one node with Kafka's own authorizer. The listener of
// Cluster.Brokers asks for no login and may do everything; users, name to password,
// come in through Secure.Login.
func StartSecure(t testing.TB, users map[string]string) *Secure {
	t.Helper()
	ports, err := FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	login := fmt.Sprintf("127.0.0.1:%d", ports[0])
	var jaas strings.Builder
	for _, name := range slices.Sorted(maps.Keys(users)) {
		fmt.Fprintf(&jaas, " user_%s=%q", name, users[name])
	}
	c := Start(t, 1,
		"listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},LOGIN://"+login,
		"advertised.listeners=PLAINTEXT://127.0.0.1:{port},LOGIN://"+login,
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT",
		"listener.name.login.sasl.enabled.mechanisms=PLAIN",
		"listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required"+jaas.String()+";",
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users=User:ANONYMOUS",
	)
	return &Secure{c, login}
}

// Allow grants operations, named as kafka-acls.sh names them, on a resource: kind is
// topic, group or cluster.
func (s *Secure) Allow(principal, kind, name string, operations ...string) {
	s.t.Helper()
	kinds := map[string]kafkago.ResourceType{"topic": kafkago.ResourceTypeTopic, "group": kafkago.ResourceTypeGroup, "cluster": kafkago.ResourceTypeCluster}
	req := &kafkago.CreateACLsRequest{}
	for _, text := range operations {
		var op kafkago.ACLOperationType
		if err := op.UnmarshalText([]byte(text)); err != nil || kinds[kind] == 0 {
			s.t.Fatalf("allow %s on %s: %v", text, kind, err)
		}
		req.ACLs = append(req.ACLs, kafkago.ACLEntry{
			ResourceType: kinds[kind], ResourceName: name, ResourcePatternType: kafkago.PatternTypeLiteral,
			Principal: principal, Host: "*", Operation: op, PermissionType: kafkago.ACLPermissionTypeAllow,
		})
	}
	client := &kafkago.Client{Addr: kafkago.TCP(s.Brokers()...)}
	res, err := client.CreateACLs(s.t.Context(), req)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, err := range res.Errors {
		if err != nil {
			s.t.Fatalf("allow %v on %s %s: %v", operations, kind, name, err)
		}
	}
	s.granted(client, req.ACLs)
}

// granted waits until the broker knows of the grants, which it hears of from the
// controller.
func (s *Secure) granted(client *kafkago.Client, grants []kafkago.ACLEntry) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), ready)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, g := range grants {
		filter := kafkago.ACLFilter{
			ResourceTypeFilter: g.ResourceType, ResourceNameFilter: g.ResourceName, ResourcePatternTypeFilter: g.ResourcePatternType,
			PrincipalFilter: g.Principal, HostFilter: g.Host, Operation: g.Operation, PermissionType: g.PermissionType,
		}
		for {
			res, err := client.DescribeACLs(ctx, &kafkago.DescribeACLsRequest{Filter: filter})
			if err == nil && res.Error == nil && len(res.Resources) > 0 {
				break
			}
			select {
			case <-ctx.Done():
				s.t.Fatalf("the broker does not know of %v: %v", g, err)
			case <-tick.C:
			}
		}
	}
}
