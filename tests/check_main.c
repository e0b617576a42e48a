/* check_main.c - the one main() of the unit tests.
 *
 *     tests/check             runs every suite
 *     tests/check queue tap   runs these
 *
 * CK_FORK=no keeps it in one process, for a debugger or a sanitizer. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *check_bad_suite(void);
Suite *check_batch_suite(void);
Suite *check_behind_suite(void);
Suite *check_bound_suite(void);
Suite *check_damage_suite(void);
Suite *check_dbfile_suite(void);
Suite *check_describe_suite(void);
Suite *check_error_suite(void);
Suite *check_expand_suite(void);
Suite *check_framing_suite(void);
Suite *check_framing_options_suite(void);
Suite *check_graph_suite(void);
Suite *check_ids_suite(void);
Suite *check_inbox_suite(void);
Suite *check_include_suite(void);
Suite *check_jsonschema_suite(void);
Suite *check_loader_suite(void);
Suite *check_log_suite(void);
Suite *check_manual_suite(void);
Suite *check_notify_suite(void);
Suite *check_offload_suite(void);
Suite *check_option_suite(void);
Suite *check_patience_suite(void);
Suite *check_queue_suite(void);
Suite *check_resolve_suite(void);
Suite *check_rest_suite(void);
Suite *check_route_suite(void);
Suite *check_said_suite(void);
Suite *check_slab_suite(void);
Suite *check_show_suite(void);
Suite *check_sources_suite(void);
Suite *check_spoolfile_suite(void);
Suite *check_spoolsalvage_suite(void);
Suite *check_spread_suite(void);
Suite *check_sqlite_suite(void);
Suite *check_sqlretain_suite(void);
Suite *check_stats_suite(void);
Suite *check_status_suite(void);
Suite *check_supervise_suite(void);
Suite *check_suspect_suite(void);
Suite *check_syntax_suite(void);
Suite *check_tap_suite(void);
Suite *check_task_suite(void);
Suite *check_tcpack_suite(void);
Suite *check_thread_suite(void);
Suite *check_timer_thread_suite(void);
Suite *check_tree_suite(void);
Suite *check_wiring_suite(void);
Suite *check_wsfeed_suite(void);
Suite *check_wsformat_suite(void);
Suite *check_wsframe_suite(void);
Suite *check_wshandshake_suite(void);
Suite *check_wsinbound_suite(void);
Suite *check_wslisten_suite(void);
Suite *check_wslog_suite(void);
Suite *check_wssender_suite(void);
Suite *check_wswindow_suite(void);

static Suite *(*const suites[])(void) = {
	check_bad_suite,
	check_batch_suite,
	check_behind_suite,
	check_bound_suite,
	check_damage_suite,
	check_dbfile_suite,
	check_describe_suite,
	check_error_suite,
	check_expand_suite,
	check_framing_suite,
	check_framing_options_suite,
	check_graph_suite,
	check_ids_suite,
	check_inbox_suite,
	check_include_suite,
	check_jsonschema_suite,
	check_loader_suite,
	check_log_suite,
	check_manual_suite,
	check_notify_suite,
	check_offload_suite,
	check_option_suite,
	check_patience_suite,
	check_queue_suite,
	check_resolve_suite,
	check_rest_suite,
	check_route_suite,
	check_said_suite,
	check_slab_suite,
	check_show_suite,
	check_sources_suite,
	check_spoolfile_suite,
	check_spoolsalvage_suite,
	check_spread_suite,
	check_sqlite_suite,
	check_sqlretain_suite,
	check_stats_suite,
	check_status_suite,
	check_supervise_suite,
	check_suspect_suite,
	check_syntax_suite,
	check_tap_suite,
	check_task_suite,
	check_tcpack_suite,
	check_thread_suite,
	check_timer_thread_suite,
	check_tree_suite,
	check_wiring_suite,
	check_wsfeed_suite,
	check_wsformat_suite,
	check_wsframe_suite,
	check_wshandshake_suite,
	check_wsinbound_suite,
	check_wslisten_suite,
	check_wslog_suite,
	check_wssender_suite,
	check_wswindow_suite,
	NULL
};

const char *__asan_default_options(void);

/* Check hears of each ck_assert() and forgets it: AddressSanitizer would keep 256 MiB
 * of that, to be copied by the fork of every test behind it. */
const char *
__asan_default_options(void)
{
	return "quarantine_size_mb=16";
}

int
main(int argc, char **argv)
{
	SRunner *runner = srunner_create(NULL);
	int failed;

	signal(SIGPIPE, SIG_IGN);	/* as the daemon has it */
	for (size_t i = 0; suites[i] != NULL; i++)
		srunner_add_suite(runner, suites[i]());
	if (argc < 2) {
		srunner_run_all(runner, CK_ENV);
	} else {
		for (int i = 1; i < argc; i++)
			srunner_run(runner, argv[i], NULL, CK_ENV);
	}
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
