// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accessor_test

import (
	"slices"
	"testing"

	"github.com/spanbridge/spanbridge/probes/accessor"
)

// The following holds in any version: functions that serve the same field were
// compiled on their own, so that they agree is evidence for the decoder that
// depends on no list of offsets.

// behind gives the chain to the field that lies some bytes behind another.
func behind(c accessor.Chain, bytes int32) accessor.Chain {
	c.Offsets = slices.Clone(c.Offsets)
	c.Offsets[len(c.Offsets)-1] += bytes
	return c
}

// joined gives a chain that goes on where the first one has loaded a pointer.
func joined(first, then accessor.Chain) accessor.Chain {
	then.Offsets = append(slices.Clone(first.Offsets), then.Offsets...)
	return then
}

func agree(t *testing.T, what string, a, b accessor.Chain) {
	t.Helper()
	if text(a) != text(b) {
		t.Errorf("%s: %s and %s", what, text(a), text(b))
	}
}

func TestFunctionsOfMySQLForTheSameFieldAgree(t *testing.T) {
	b := openBinary(t, "mysql-9.7")
	query := b.getter("_Z16thd_query_unsafeP3THD").Results
	agree(t, "text and length lie side by side", behind(query[0], 8), query[1])
	agree(t, "text", query[0], b.result("_Z13ndb_thd_queryPK3THD", 0))
	agree(t, "length", query[1], b.result("_Z20ndb_thd_query_lengthPK3THD", 0))
	agree(t, "connection", b.result("thd_get_thread_id", 0), b.result("_Z13thd_thread_idPK3THD", 0))
	agree(t, "isolation", b.result("thd_tx_isolation", 0), b.result("_Z21thd_get_trx_isolationPK3THD", 0))
	agree(t, "Performance Schema's thread", b.result("_Z11thd_get_psiP3THD", 0), b.set("_Z11thd_set_psiP3THDP10PSI_thread", 1))
	agree(t, "security context", b.getter("_Z24thd_get_security_contextP3THDPP16Security_context").Out[0],
		b.set("_Z24thd_set_security_contextP3THDP16Security_context", 1))

	for getter, setter := range map[string]string{
		"_ZNK16Security_context4userEv": "_ZN16Security_context12set_user_ptrEPKcm",
		"_ZNK16Security_context4hostEv": "_ZN16Security_context12set_host_ptrEPKcm",
		"_ZNK16Security_context2ipEv":   "_ZN16Security_context10set_ip_ptrEPKci",
	} {
		agree(t, getter+", text", b.result(getter, 0), b.set(setter, 1))
		agree(t, getter+", length", b.result(getter, 1), b.set(setter, 2))
	}

	const sent = "_ZN3THD18set_sent_row_countEy"
	agree(t, "rows sent", b.set(sent, 1), b.added("_ZN3THD18inc_sent_row_countEy", 1))
	agree(t, "rows sent and examined lie side by side", behind(b.set(sent, 1), 8), b.added("_ZN3THD22inc_examined_row_countEy", 1))
	agree(t, "the locker's rows", behind(b.set("_Z30pfs_set_statement_rows_sent_vcP20PSI_statement_lockery", 1), 8),
		b.set("_Z34pfs_set_statement_rows_examined_vcP20PSI_statement_lockery", 1))
	agree(t, "lock time", b.added("thd_storage_lock_wait", 1), b.added("_ZN3THD13inc_lock_usecEy", 1))

	const byText = "_ZN16Diagnostics_area16set_error_statusEjPKcS1_"
	agree(t, "error number", b.set(byText, 1), b.set("_ZN16Diagnostics_area16set_error_statusEP3THDj", 2))
	message, ok := b.calls(byText).Copied(2)
	okMessage, ok2 := b.calls("_ZN16Diagnostics_area13set_ok_statusEyyPKc").Copied(3)
	if !ok || !ok2 {
		t.Fatal("the place of the message is not known")
	}
	agree(t, "message", message, okMessage)
	status := b.predicate("_Z12thd_is_errorPK3THD")
	if status.Compare != accessor.Equal || len(status.Chain.Offsets) != 2 || int64(status.Chain.Offsets[1])+4 != message.Add {
		t.Errorf("the status %+v does not lie before the message %s", status, text(message))
	}
}

func TestFunctionsOfMariaDBForTheSameFieldAgree(t *testing.T) {
	for _, server := range []string{"mariadb-10.11", "mariadb-11.8"} {
		t.Run(server, func(t *testing.T) {
			b := openBinary(t, server)
			const query = "_ZN3THD16set_query_and_idEPcjPK15charset_info_stx"
			text, length := b.set(query, 1), b.set(query, 2)
			agree(t, "text", accessor.Chain{Add: int64(text.Offsets[0])}, b.result("thd_query_string", 0))
			agree(t, "text and length lie side by side", behind(text, 8), length)
			agree(t, "query id", b.set(query, 4), b.result("thd_query_id", 0))

			user, host, ip := b.result("thd_user_name", 0), b.result("thd_client_host", 0), b.result("thd_client_ip", 0)
			agree(t, "user behind host", behind(host, 8), user)
			agree(t, "ip behind user", behind(user, 8), ip)

			number, message := b.result("thd_get_error_number", 0), b.result("thd_get_error_message", 0)
			area := accessor.Chain{Offsets: number.Offsets[:1], Size: 8}
			const setError = "_ZN16Diagnostics_area16set_error_statusEjPKcS1_RK27Sql_user_condition_identityPK13Sql_condition"
			agree(t, "error number", number, joined(area, b.set(setError, 1)))
			if message.Offsets[0] != number.Offsets[0] || message.Add <= int64(number.Offsets[1]) {
				t.Errorf("the message %v does not lie behind the number %v", message, number)
			}

			database := b.result("thd_current_db", 0)
			ofEvent := b.result("_ZN9Log_event6get_dbEv", 0)
			if len(ofEvent.Offsets) != 2 || int64(ofEvent.Offsets[1]) != database.Add {
				t.Errorf("database %v, and of an event %v", database, ofEvent)
			}
			agree(t, "length of the database's name", accessor.Chain{Offsets: []int32{int32(database.Add) + 8}, Size: 8},
				dbLength(t, b))
		})
	}
}

// dbLength gives where THD::set_db stores the length of the name.
func dbLength(t *testing.T, b *binary) accessor.Chain {
	t.Helper()
	const function = "_ZN3THD6set_dbEPK25st_mysql_const_lex_string"
	s, err := accessor.DecodeSetter(b.file.Machine, b, b.address(function))
	if err != nil {
		t.Fatalf("%s: %v", function, err)
	}
	for _, st := range s.Stores {
		if st.Arg == 1 && slices.Equal(st.From.Offsets, []int32{8}) {
			return st.Place
		}
	}
	t.Fatalf("%s stores no length", function)
	return accessor.Chain{}
}

// Where 10.11 has a setter, 11.8 has only a function that reports the number.
func TestRowsOfMariaDBLieSideBySide(t *testing.T) {
	const sent = "_ZN3THD18set_sent_row_countEy"
	old := openBinary(t, "mariadb-10.11")
	agree(t, "10.11", behind(old.set(sent, 1), 8), old.added("_ZN3THD22inc_examined_row_countEy", 1))
	agree(t, "10.11", old.set(sent, 1), old.added("_ZN3THD18inc_sent_row_countEy", 1))

	b := openBinary(t, "mariadb-11.8")
	examined, ok := b.calls("_ZN3THD28ps_report_examined_row_countEv").Argument(1, 0)
	if !ok {
		t.Fatal("what THD::ps_report_examined_row_count reports is not known")
	}
	agree(t, "11.8, with the sum of the statement between", behind(b.set(sent, 1), 16), examined)
	agree(t, "11.8", behind(b.set(sent, 1), 8), b.added(sent, 1))
}

func TestWhatIsNoAccessorOfRealServersIsRefused(t *testing.T) {
	for server, functions := range map[string][]string{
		"mysql-9.7":     {"_Z10thd_get_fdP3THD", "_ZNK16Diagnostics_area11error_countEP3THD", "_Z14thd_start_timeP3THD"},
		"mariadb-10.11": {"thd_kill_level", "thd_get_ha_data", "thd_is_connected", "thd_priv_host"},
	} {
		b := openBinary(t, server)
		for _, f := range functions {
			if g, err := accessor.DecodeGetter(b.file.Machine, b, b.address(f)); err == nil {
				t.Errorf("%s decodes to %+v", f, g)
			} else {
				t.Logf("%s: %v", f, err)
			}
		}
	}
}

// The parts of locks that are waited for, each by two functions.
func TestFunctionsOfLocksAgree(t *testing.T) {
	for _, server := range []string{"mysql-9.7", "mariadb-10.11", "mariadb-11.8"} {
		t.Run(server, func(t *testing.T) {
			b := openBinary(t, server)
			handed := func(in, call string, n, from int) accessor.Chain {
				calls := b.calls(in)
				if call != "" {
					calls = calls.To(b.address(call))
				}
				chain, ok := calls.Argument(n, from)
				if !ok {
					t.Fatalf("what %s hands over to %q is not known", in, call)
				}
				return chain
			}
			const lockGraph = "_ZN8MDL_lock14visit_subgraphEP10MDL_ticketP26MDL_wait_for_graph_visitor"
			ticket := handed("_ZN11MDL_context14visit_subgraphEP26MDL_wait_for_graph_visitor", lockGraph, 1, 0)
			agree(t, "the lock of the ticket for which a context waits", joined(ticket, b.result("_ZNK10MDL_ticket7get_keyEv", 0)),
				handed("_ZN11MDL_context14visit_subgraphEP26MDL_wait_for_graph_visitor", lockGraph, 0, 0))
			if server != "mysql-9.7" {
				return
			}
			index := b.result("_Z18lock_rec_get_indexPK9ib_lock_t", 0)
			if name := b.result("_Z23lock_rec_get_index_namePK9ib_lock_t", 0); len(name.Offsets) != 2 || name.Offsets[0] != index.Offsets[0] {
				t.Errorf("the index is %s, and its name %s", text(index), text(name))
			}
			agree(t, "the table's name", handed("_Z23dict_stats_rename_indexPK12dict_table_tPKcS3_", "_Z12dict_fs2utf8PKcPcmS1_m", 0, 0),
				handed("_ZN3ddl10drop_tableEP5trx_tP12dict_table_t", "_Z24row_drop_table_for_mysqlPKcP5trx_tbP12dict_table_t", 0, 1))
		})
	}
}
