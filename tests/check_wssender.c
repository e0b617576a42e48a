/* check_wssender.c - plugins/wssender.c, against the model of a destination. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/ws_model.h"

Suite *check_wssender_suite(void);

/* Random lives for each format, with and without `ack: sequence`, with small messages
 * and large ones.  The model aborts where it is disappointed. */
START_TEST(a_destination_gets_every_frame_once_confirmed_and_in_order)
{
	enum { SIZE = 1500, LIVES = 12 };
	uint8_t *life = malloc(SIZE), bits = (uint8_t)(_i / 7 << 6);

	srand((unsigned)_i);
	for (int n = 0; n < LIVES; n++) {
		for (int i = 0; i < SIZE; i++)
			life[i] = (uint8_t)(rand() >> 8);
		life[0] = (uint8_t)(bits + (_i + 7 - bits % 7) % 7);
		ws_model_play(life, SIZE);
	}
	free(life);
}
END_TEST

Suite *
check_wssender_suite(void)
{
	Suite *suite = suite_create("wssender");
	TCase *tcase = tcase_create("wssender");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase,
	    a_destination_gets_every_frame_once_confirmed_and_in_order, 0, 28);
	suite_add_tcase(suite, tcase);
	return suite;
}
