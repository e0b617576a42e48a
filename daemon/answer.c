/* answer.c - what is owed for a batch, and who is told. */
#include "daemon/answer.h"

#include "config/wiring.h"
#include "daemon/thread.h"
#include "daemon/worker.h"

/* On the origin's worker. */
static void
answer_tell(struct tt_origin *o, uint64_t seq, bool lost)
{
	const struct tt_kind *kind;

	if (o->thread == NULL)
		return;
	kind = o->thread->kind;
	if (!lost)
		kind->completed(o->thread, seq);
	else if (kind->in_vain != NULL)
		kind->in_vain(o->thread, seq);
}

static void
answer_arrives(void *subject, uint64_t seq, void *lost)
{
	struct tt_origin *o = subject;

	answer_tell(o, seq, lost != NULL);
	tt_end(o->worker);
	tt_origin_unref(o);
}

static void
answer_send(struct tt_worker *w, struct tt_origin *o, uint64_t seq, bool lost)
{
	if (!o->tells)
		return;
	if (o->worker == w)
		answer_tell(o, seq, lost);
	else
		tt_worker_send(o->worker, (struct tt_message){
		    .handle = answer_arrives, .subject = tt_origin_ref(o),
		    .value = seq, .more = lost ? o : NULL });
}

/* A batch of O that begins with frame SEQ was dropped. */
static void
answer_lose(struct tt_worker *w, struct tt_origin *o, uint64_t seq)
{
	if (o->lost != 0 && o->lost <= seq)
		return;
	o->lost = seq;
	answer_send(w, o, seq, true);
}

void
tt_answer(struct tt_worker *w, struct tt_batch *batch, bool dropped)
{
	struct tt_origin *o = batch->origin;

	if (dropped && !batch->dropped)
		answer_lose(w, o, batch->first_seq);
	batch->dropped |= dropped;
	if (batch->owed == 0 || --batch->owed > 0)
		return;
	tt_end(w);
	if (o->lost == 0 || batch->first_seq + batch->n <= o->lost)
		answer_send(w, o, batch->first_seq + batch->n - 1, false);
}

/* The durable nodes that what NODE takes on IN gets to: itself and those beneath
 * it, as the wiring counted them for what is owed. */
static unsigned
answer_owing(const struct tt_node *node, unsigned in)
{
	const struct tt_channel *channel;
	unsigned i, n = node->durable;

	if (tt_wiring_is_opaque(node))
		return n;
	channel = &node->channels[node->in_channel[in]];
	for (i = 0; i < channel->n_users; i++)
		n += answer_owing(channel->users[i].node, channel->users[i].in);
	return n;
}

void
tt_answer_missed(struct tt_worker *w, struct tt_batch *batch, const struct tt_node *node,
    unsigned in)
{
	unsigned n = answer_owing(node, in);

	while (n-- > 0)
		tt_answer(w, batch, true);
}

void
tt_answer_dropped(struct tt_worker *w, struct tt_batch *batch)
{
	while (batch->owed > 0)
		tt_answer(w, batch, true);
}
