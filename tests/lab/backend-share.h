/* SPDX-License-Identifier: GPL-2.0 */
/*
 * backend-share.h: one backend behind two NICs, a synthetic one and its VF (backend-share.c).
 *
 * Either may send at any time; received frames go to one of them, and which one can be switched
 * without losing a frame. Each has a port, which is a backend like any other: its counters are
 * those of the shared one.
 */
#ifndef HVLAB_BACKEND_SHARE_H
#define HVLAB_BACKEND_SHARE_H

#include "backend.h"

struct backend_share;
struct loop;

/** enum backend_port - which NIC */
enum backend_port {
	BACKEND_SYNTHETIC,
	BACKEND_VF,
	BACKEND_PORTS
};

/**
 * backend_share_new() - put two ports before a backend; the synthetic one receives
 * @real: the backend; belongs to the ports from now on and is closed with the last of them
 * @loop: serves queue i of either port, for all real->n_queues
 *
 * Context: before the loops run.
 */
struct backend_share *backend_share_new(struct backend *real, struct loop *const *loop);

/** backend_share_port() - a port; backend_close() gives it back */
struct backend *backend_share_port(struct backend_share *share, enum backend_port port);

/**
 * backend_share_on_switch() - have @fn called when the right to receive comes to a port or goes
 * @fn: in the loop of queue @q, after it has changed there: on leaving, hand frames that were not
 *	delivered to backend_share_unget(); on coming, call backend_rx() without waiting for the fd
 *
 * Context: before the loops run.
 */
void backend_share_on_switch(struct backend_share *share, enum backend_port port,
			     void (*fn)(void *o, unsigned int q, bool receives), void *o);

/**
 * backend_share_unget() - give back the last frames of backend_rx(): the other port gets them first
 *
 * Context: in @fn of backend_share_on_switch() only, for a port that receives no more on @q.
 */
void backend_share_unget(struct backend *port, unsigned int q, const struct frame *f,
			 unsigned int n);

/** backend_share_receives() - does @port receive on queue @q? Context: that queue's loop */
bool backend_share_receives(const struct backend *port, unsigned int q);

/**
 * backend_share_switch() - let @to receive from now on
 * @done: called once every queue has switched, in the loop of one of them, or in this call when
 *	nothing is to be done
 *
 * While a switch is under way another may be asked for: the last one counts, and each is done when
 * that one is. Context: any thread that holds no lock @done takes.
 */
void backend_share_switch(struct backend_share *share, enum backend_port to,
			  void (*done)(void *o), void *o);

/** backend_share_active() - the port that receives, or is about to */
enum backend_port backend_share_active(struct backend_share *share);

#endif
