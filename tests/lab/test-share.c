// SPDX-License-Identifier: GPL-2.0
/*
 * One backend behind two NICs: who receives, the order of frames over a switch, settings, and who
 * hears that a switch is done. The backend is a stand-in that has numbered frames.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <json-c/json.h>

#include "backend-share.h"
#include "check.h"
#include "log.h"
#include "loop.h"

#define QUEUES 2

static struct loop_work *posted[16];
static uint8_t byte[256];
static unsigned int next_frame[QUEUES], left[QUEUES], sent[QUEUES], closed;
static int ready_fd[QUEUES];
static unsigned int told[BACKEND_PORTS][QUEUES], dones;
static bool last_told[BACKEND_PORTS][QUEUES];

void loop_post(struct loop *loop, struct loop_work *work)
{
	for (int i = 0; i < 16; i++) {
		if (posted[i] == work)
			return;
		if (!posted[i]) {
			posted[i] = work;
			return;
		}
	}
}

static bool one(void)
{
	struct loop_work *work = posted[0];

	if (!work)
		return false;
	memmove(posted, posted + 1, sizeof(posted) - sizeof(posted[0]));
	posted[15] = NULL;
	work->run(work);
	return true;
}

void log_warn(const char *fmt, ...)
{
	CHECK(false, "%s", fmt);
}

void log_fatal(enum exit_status status, const char *fmt, ...)
{
	abort();
}

/* --- the backend --- */

static unsigned int real_tx(struct backend *be, unsigned int q, const struct frame *f,
			    unsigned int n)
{
	sent[q] += n;
	return n;
}

static unsigned int real_rx(struct backend *be, unsigned int q, struct frame *f, unsigned int max)
{
	unsigned int n;

	for (n = 0; n < max && left[q]; n++, left[q]--) {
		frame_clear(&f[n]);
		frame_add(&f[n], &byte[next_frame[q]++], 1);
	}
	return n;
}

static int real_rx_fd(struct backend *be, unsigned int q)
{
	return ready_fd[q];
}

static bool real_rx_arm(struct backend *be, unsigned int q)
{
	return left[q];
}

static int real_set_queues(struct backend *be, unsigned int n)
{
	return 0;
}

static void real_close(struct backend *be)
{
	closed++;
}

static const struct backend_ops real_ops = {
	.name = "numbers",
	.tx = real_tx,
	.rx = real_rx,
	.rx_fd = real_rx_fd,
	.rx_arm = real_rx_arm,
	.set_queues = real_set_queues,
	.close = real_close,
};

/* What backend.c does around a backend's own functions. */

unsigned int backend_rx(struct backend *be, unsigned int q, struct frame *f, unsigned int max)
{
	return be->ops->rx(be, q, f, max);
}

int backend_set_queues(struct backend *be, unsigned int n)
{
	int err = be->ops->set_queues(be, n);

	if (!err)
		be->n_active = n;
	return err;
}

void backend_set_rx_features(struct backend *be, unsigned int features)
{
	be->rx_features = features;
	if (be->ops->set_rx_features)
		be->ops->set_rx_features(be);
}

void backend_set_rss(struct backend *be, const struct rss *rss)
{
}

int backend_verb(struct backend *be, int argc, char **argv, char *answer, size_t n)
{
	return 0;
}

void backend_close(struct backend *be)
{
	be->ops->close(be);
	free(be->stats);
	free(be);
}

/* --- two NICs --- */

static struct backend *real, *port[BACKEND_PORTS];
static struct backend_share *share;
static struct frame taken[8];

static void on_switch(void *o, unsigned int q, bool receives)
{
	enum backend_port which = o ? BACKEND_VF : BACKEND_SYNTHETIC;

	told[which][q]++;
	last_told[which][q] = receives;
	/* The VF had no room for the last two. */
	if (which == BACKEND_VF && !receives && !q)
		backend_share_unget(port[which], q, &taken[1], 2);
}

static void done(void *o)
{
	dones++;
}

static void make(void)
{
	static struct loop *loop[QUEUES];

	real = calloc(1, sizeof(*real));
	real->ops = &real_ops;
	real->n_queues = QUEUES;
	real->n_active = 1;
	real->stats = calloc(QUEUES, sizeof(*real->stats));
	memset(next_frame, 0, sizeof(next_frame));
	memset(left, 0, sizeof(left));
	memset(told, 0, sizeof(told));
	dones = 0;
	closed = 0;
	for (int q = 0; q < QUEUES; q++)
		ready_fd[q] = eventfd(1, EFD_CLOEXEC);
	share = backend_share_new(real, loop);
	for (int i = 0; i < BACKEND_PORTS; i++) {
		port[i] = backend_share_port(share, i);
		backend_share_on_switch(share, i, on_switch, i == BACKEND_VF ? share : NULL);
	}
}

static void unmake(void)
{
	backend_close(port[BACKEND_SYNTHETIC]);
	CHECK(!closed, "the other port still has it");
	backend_close(port[BACKEND_VF]);
	CHECK(closed == 1);
	for (int q = 0; q < QUEUES; q++)
		close(ready_fd[q]);
}

static bool ready(enum backend_port which, unsigned int q)
{
	struct pollfd p = { .fd = port[which]->ops->rx_fd(port[which], q), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* The numbers of the frames that a port gets, as digits: "012". */
static const char *gets(enum backend_port which, unsigned int q, unsigned int max)
{
	static char text[16];
	unsigned int n = backend_rx(port[which], q, taken, max);

	for (unsigned int i = 0; i < n; i++)
		text[i] = (char)('0' + (int)((uint8_t *)taken[i].iov[0].iov_base - byte));
	text[n] = '\0';
	return text;
}

static void who_receives(void)
{
	struct frame f;

	make();
	left[0] = 10;
	CHECK(ready(BACKEND_SYNTHETIC, 0) && !ready(BACKEND_VF, 0));
	CHECK(!strcmp(gets(BACKEND_VF, 0, 4), ""));
	CHECK(!port[BACKEND_VF]->ops->rx_arm(port[BACKEND_VF], 0));
	CHECK(!strcmp(gets(BACKEND_SYNTHETIC, 0, 2), "01"));
	frame_clear(&f);
	port[BACKEND_SYNTHETIC]->ops->tx(port[BACKEND_SYNTHETIC], 0, &f, 1);
	port[BACKEND_VF]->ops->tx(port[BACKEND_VF], 0, &f, 1);
	CHECK(sent[0] == 2, "either sends");
	backend_share_switch(share, BACKEND_SYNTHETIC, done, NULL);
	CHECK(dones == 1 && !posted[0], "it receives already");
	backend_share_switch(share, BACKEND_VF, done, NULL);
	CHECK(dones == 1 && backend_share_active(share) == BACKEND_VF);
	/* Queue by queue, each in its own loop. */
	CHECK(one() && backend_share_receives(port[BACKEND_VF], 0) && dones == 1);
	CHECK(backend_share_receives(port[BACKEND_SYNTHETIC], 1));
	CHECK(one() && !one() && dones == 2);
	CHECK(!ready(BACKEND_SYNTHETIC, 0) && ready(BACKEND_VF, 0) && ready(BACKEND_VF, 1));
	CHECK(told[BACKEND_VF][0] == 1 && last_told[BACKEND_VF][0]);
	CHECK(told[BACKEND_SYNTHETIC][1] == 1 && !last_told[BACKEND_SYNTHETIC][1]);
	CHECK(!strcmp(gets(BACKEND_SYNTHETIC, 0, 4), ""));
	/* Of these it can deliver one: the others take the other way, before what comes next. */
	CHECK(!strcmp(gets(BACKEND_VF, 0, 3), "234"));
	backend_share_switch(share, BACKEND_SYNTHETIC, done, NULL);
	while (one())
		;
	CHECK(dones == 3 && port[BACKEND_SYNTHETIC]->ops->rx_arm(port[BACKEND_SYNTHETIC], 0));
	CHECK(!strcmp(gets(BACKEND_SYNTHETIC, 0, 1), "3"));
	CHECK(!strcmp(gets(BACKEND_SYNTHETIC, 0, 4), "4"));
	CHECK(!strcmp(gets(BACKEND_SYNTHETIC, 0, 8), "56789"));
	unmake();
}

static void overlapping(void)
{
	make();
	backend_share_switch(share, BACKEND_VF, done, NULL);
	CHECK(one());
	backend_share_switch(share, BACKEND_SYNTHETIC, done, NULL);
	CHECK(!dones);
	while (one())
		CHECK(!dones || !posted[0], "only when every queue has switched");
	CHECK(dones == 2 && backend_share_receives(port[BACKEND_SYNTHETIC], 0));
	CHECK(backend_share_receives(port[BACKEND_SYNTHETIC], 1));
	unmake();
}

static void settings(void)
{
	make();
	backend_set_rx_features(port[BACKEND_SYNTHETIC], BACKEND_RX_CSUM | BACKEND_RX_TSO4);
	CHECK(real->rx_features == (BACKEND_RX_CSUM | BACKEND_RX_TSO4));
	backend_set_rx_features(port[BACKEND_VF], BACKEND_RX_CSUM | BACKEND_RX_TSO6);
	CHECK(!backend_set_queues(port[BACKEND_VF], 2) && port[BACKEND_VF]->n_active == 2);
	CHECK(real->rx_features == (BACKEND_RX_CSUM | BACKEND_RX_TSO4) && real->n_active == 1);
	backend_share_switch(share, BACKEND_VF, done, NULL);
	CHECK(real->rx_features == BACKEND_RX_CSUM, "what both take");
	while (one())
		;
	CHECK(real->rx_features == (BACKEND_RX_CSUM | BACKEND_RX_TSO6) && real->n_active == 2);
	CHECK(!backend_set_queues(port[BACKEND_SYNTHETIC], 1) && real->n_active == 2);
	unmake();
}

int main(void)
{
	check_run("who receives, and in which order", who_receives);
	check_run("a switch while another is under way", overlapping);
	check_run("settings are the receiver's", settings);
	return check_end();
}
