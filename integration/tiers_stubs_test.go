//go:build integration

package integration
import ("testing"; "github.com/spanbridge/spanbridge/integration/servers")
func testClientDurations(t *testing.T, tier tier, server *servers.Server) {}
func testSleeps(t *testing.T, tier tier, server *servers.Server) {}
func testFailures(t *testing.T, tier tier, server *servers.Server) {}
func testPrepared(t *testing.T, tier tier, server *servers.Server) {}
func testMultiStatements(t *testing.T, tier tier, server *servers.Server) {}
func testProcedure(t *testing.T, tier tier, server *servers.Server) {}
func testPhases(t *testing.T, tier tier, server *servers.Server) {}
func testTrust(t *testing.T, tier tier, server *servers.Server) {}
func testOddContexts(t *testing.T, tier tier, server *servers.Server) {}
func testMetrics(t *testing.T, tier tier, server *servers.Server) {}
func testMinDuration(t *testing.T, tier tier, server *servers.Server) {}
func testSample(t *testing.T, tier tier, server *servers.Server) {}
