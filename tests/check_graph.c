/* check_graph.c - tests of config/graph.c. */
#include "config/graph.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/schemas.h"

Suite *check_graph_suite(void);

#define HEAD \
	"digraph taskthread {\n" \
	"    rankdir=LR;\n" \
	"    ordering=out;\n" \
	"    node [shape=box, fontname=\"sans-serif\", fontsize=11, " \
	"fillcolor=gray92];\n" \
	"    edge [fontname=\"sans-serif\", fontsize=10];\n"

/* What tt_graph_write() prints of a tree below the root, to be freed. */
static char *
drawn(const char *tree)
{
	char file[4000], *text = NULL, *errors;
	struct tt_document *doc;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	snprintf(file, sizeof(file), "taskthread: 1\nMasterThread:\n%s", tree);
	doc = test_load(file, &errors);
	ck_assert_msg(doc != NULL, "%s", errors);
	tt_graph_write(doc, out);
	fclose(out);
	free(errors);
	tt_document_destroy(doc);
	return text;
}

START_TEST(a_tree_is_drawn_with_its_channels_and_the_world_around_it)
{
	char *text = drawn("  TCPServerThread:\n    listen: 127.0.0.1:5002\n"
	    "    TCPConnectionThread:\n      ack: line\n"
	    "      DataProcessorThread: {framing: newline}\n"
	    "  WebsocketMasterThread:\n    WebSocketSubThread eu:\n"
	    "      url: \"wss://a/b?geheim\"\n      headers: {A: geheim}\n"
	    "      tls: {password: geheim}\n"
	    "  DatabaseThread: {path: x.db, linger: 10ms}\n");

	ck_assert_str_eq(text, HEAD
	    "    n0 [label=\"MasterThread\"];\n"
	    "    n1 [label=\"TCPServerThread\"];\n"
	    "    o0 [shape=box, style=\"rounded,filled\", "
	    "label=\"devices connect to\\n127.0.0.1:5002\"];\n"
	    "    n2 -> o0 [dir=back];\n"
	    "    n0 -> n1 [dir=back, label=\"  UP data  \"];\n"
	    "    n2 [style=dashed, label=\"TCPConnectionThread\\n"
	    "one for each connection\\nack: line\"];\n"
	    "    n1 -> n2 [dir=back, label=\"  UP data  \"];\n"
	    "    n3 [style=dashed, label=\"DataProcessorThread\\nframing: newline\"];\n"
	    "    n2 -> n3 [label=\"  IN packets  \"];\n"
	    "    n2 -> n3 [dir=back, label=\"  UP data  \"];\n"
	    "    n4 [label=\"WebsocketMasterThread\"];\n"
	    "    n0 -> n4 [label=\"  IN data  \"];\n"
	    "    n5 [label=\"WebSocketSubThread eu\\nheaders: ***\\n"
	    "tls: {password: ***}\"];\n"
	    "    o1 [shape=box, style=\"rounded,filled\", label=\"wss://a/b?***\"];\n"
	    "    n5 -> o1;\n"
	    "    n4 -> n5 [label=\"  IN data  \"];\n"
	    "    n6 [label=\"DatabaseThread\"];\n"
	    "    o2 [shape=cylinder, style=filled, label=\"x.db\"];\n"
	    "    n6 -> o2;\n"
	    "    n0 -> n6 [label=\"  IN data  \"];\n"
	    "}\n");
	free(text);
}
END_TEST

START_TEST(channels_that_go_one_way_share_an_arrow)
{
	char *text = drawn("  TimerThread a: {UP: a}\n  TimerThread b: {UP: b}\n"
	    "  DatabaseThread: {IN: [a, b], path: x}\n");

	ck_assert_ptr_nonnull(strstr(text, "n0 -> n3 [label=\"  IN a, b  \"];\n"));
	free(text);
}
END_TEST

START_TEST(a_node_without_a_channel_has_its_place)
{
	char *text = drawn("  TimerThread:\n  DatabaseThread: {path: x}\n"
	    "  GroupThread: {TimerThread: {}, DatabaseThread: {path: y}}\n");

	ck_assert_ptr_nonnull(strstr(text,
	    "    n0 -> n3 [dir=none, style=dotted];\n"));
	ck_assert_ptr_nonnull(strstr(text,
	    "    n3 -> n4 [dir=back, label=\"  UP data  \"];\n"));
	free(text);
}
END_TEST

/* As YAML says it in quotes, and as it stands in a label. */
static const struct {
	const char *yaml, *dot;
} labels[] = {
	{ "a b", "a b" },
	{ "say \\\"x\\\"", "say \\\"x\\\"" },
	{ "a\\\\", "a\\\\" },
	{ "a\\\\nb", "a\\\\nb" },
	{ "\\\\N", "\\\\N" },
	{ "&lt; & <b>", "&amp;lt; &amp; <b>" },
	{ "a\\nb\\tc", "a\\\\nb\\\\tc" },
	{ "\\e[31m", "\\\\x1B[31m" },
	{ "\\u202Ex", "\\\\u202Ex" },
	{ "];}", "];}" },
};

START_TEST(text_in_a_label_is_nothing_but_text)
{
	char tree[300], label[300], *text;

	snprintf(tree, sizeof(tree), "  TimerThread: {description: \"%s.,\"}\n"
	    "  DatabaseThread: {path: x}\n", labels[_i].yaml);
	snprintf(label, sizeof(label), "\\ndescription: \\\"%s.,\\\"\"];\n",
	    labels[_i].dot);
	text = drawn(tree);
	ck_assert_msg(strstr(text, label) != NULL, "%s%s", label, text);
	free(text);
}
END_TEST

START_TEST(a_channel_from_elsewhere_is_drawn_as_written)
{
	char *text;

	setenv("TT_GRAPH", "gelesen", 1);
	text = drawn("  TimerThread: {UP: '${env:TT_GRAPH:-\"a\\b\"}'}\n"
	    "  DatabaseThread: {path: x, IN: gelesen}\n");
	ck_assert_msg(strstr(text, "\"  UP ${env:TT_GRAPH:-\\\"a\\\\b\\\"}  \"") != NULL
	    && strstr(text, "\"  IN gelesen  \"") != NULL, "%s", text);
	free(text);
}
END_TEST

Suite *
check_graph_suite(void)
{
	Suite *s = suite_create("graph");
	TCase *tc = tcase_create("graph");

	tcase_add_test(tc, a_tree_is_drawn_with_its_channels_and_the_world_around_it);
	tcase_add_test(tc, channels_that_go_one_way_share_an_arrow);
	tcase_add_test(tc, a_node_without_a_channel_has_its_place);
	tcase_add_test(tc, a_channel_from_elsewhere_is_drawn_as_written);
	tcase_add_loop_test(tc, text_in_a_label_is_nothing_but_text, 0,
	    (int)(sizeof(labels) / sizeof(labels[0])));
	suite_add_tcase(s, tc);
	return s;
}
