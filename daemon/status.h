/* status.h - what systemd is shown of a tree, and asked to wait for.
 *
 * STATUS is one line: what the daemon does, and what troubles it, the oldest first.
 * It is sent when it changes, once a second at most; nothing runs while all is well.
 * READY and STOPPING are sent again until systemd takes them.
 * While the daemon starts or stops systemd is also asked for more time, again and
 * again: beyond the end that the stop has, it is not. */
#ifndef TT_DAEMON_STATUS_H
#define TT_DAEMON_STATUS_H

struct tt_thread;
struct tt_tree;
struct tt_status;

/* Shows TREE, which has been created and not yet started, from now on, and stores
 * itself in tree->shown.  NULL: no memory. */
struct tt_status *tt_status_create(struct tt_tree *tree);
void tt_status_destroy(struct tt_status *status);

/* TREE's phase has changed. */
void tt_status_phase(struct tt_status *status);

/* For kinds, and from any OS thread.  SELF's node is in trouble: WHAT in a few words
 * ("the disk is full, tried again"), behind which stands how long already, and MORE
 * ("120 frames wait") or NULL.  May be called again with other words: the time goes
 * on.  WHAT NULL: all is well again; to be said before SELF exits. */
void tt_say_state(struct tt_thread *self, const char *what, const char *more);

#endif
