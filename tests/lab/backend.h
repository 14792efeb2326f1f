/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a virtual NIC is plugged into: tap, sink, source, echo, pair.
 *
 * Threads: a queue is served by one I/O loop at a time (its tx and its rx by the same one);
 * different queues may be served by different loops at once. backend_tx(), backend_rx() and
 * backend_rx_arm() are for that loop's thread only; backend_rx_fd() is constant after open.
 * Everything else may be called from the control loop at any time; the setters take effect from
 * the next batch on.
 *
 * A NIC's receive side:
 *
 *	ready(fd) or after tx on the same queue:
 *		do {
 *			while ((n = backend_rx(be, q, frames, room)))
 *				hand n frames to the guest;
 *		} while (guest has room && backend_rx_arm(be, q));
 *
 * With no room in the guest the NIC takes the fd out of its loop (loop_mod to 0 events) until the
 * guest makes room, then polls again; nothing is lost by that, the backend bounds or drops by its
 * own rule. A NIC that gives way to other queues before backend_rx_arm() returned false must come
 * back by itself (loop_post()).
 */
#ifndef HVLAB_BACKEND_H
#define HVLAB_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"
#include "stats.h"

struct device_args;
struct json_object;
struct rss;
struct vm;
struct backend;

#define BACKEND_QUEUES_MAX 64
#define BACKEND_BATCH	   64 /* the batch the backends are tuned for; any other size works */

/*
 * Which frames the NIC takes from the backend beside plain ones with complete checksums; set by
 * the guest's driver through the NIC, off at first.
 */
#define BACKEND_RX_CSUM 0x1u /* FRAME_CSUM_PARTIAL */
#define BACKEND_RX_TSO4 0x2u /* FRAME_GSO_TCP4 (coalesced; needs BACKEND_RX_CSUM) */
#define BACKEND_RX_TSO6 0x4u /* FRAME_GSO_TCP6 (likewise) */

/**
 * struct backend_queue_stats - what passed one queue, seen from the guest (tx = guest to backend)
 *
 * Written by the loop which serves the queue, read by anyone: a torn view across members is
 * possible, a torn member is not.
 */
struct backend_queue_stats {
	stat_t tx_packets;
	stat_t tx_bytes;
	stat_t tx_batches;
	stat_t tx_gso; /* of tx_packets: frames that had to be segmented */
	stat_t tx_segments; /* frames on the wire after segmentation, when done by us */
	stat_t tx_dropped; /* no room behind, or the peer is absent */
	stat_t tx_malformed; /* offload fields that contradict the frame */
	stat_t tx_csum_partial;
	stat_t tx_csum_good; /* verified (tap csum=verify, sink check=csum) */
	stat_t tx_csum_bad;
	stat_t tx_seq_missing; /* sink check=seq */
	stat_t tx_seq_late; /* reordered or duplicated */
	stat_t tx_seq_seen;
	stat_t rx_packets;
	stat_t rx_bytes;
	stat_t rx_batches;
	stat_t rx_gso;
	stat_t rx_dropped;
	stat_t rx_csum_bad;
} __attribute__((aligned(64)));

/**
 * struct backend_ops - one kind of backend
 * @name: the word before the colon in a spec, also the control verb's first word
 * @help: for --help: the options with their defaults
 * @size: of the backend's own struct, which begins with struct backend; comes zeroed
 * @open: read the options and make ready be->n_queues queues. 0, or a negative errno with a
 *	sentence in err; @close is not called then
 * @tx, @rx, @rx_fd, @rx_arm: see backend_tx() and so on. The queue is valid, the number of frames
 *	is at least 1; packets and bytes are counted by the caller
 * @set_queues, @set_rx_features, @set_rss: may be NULL; be->n_active and be->rx_features are
 *	written by the caller, after and before the call
 * @verb: control command, may be NULL
 * @dump: adds the backend's own numbers, may be NULL
 */
struct backend_ops {
	const char *name;
	const char *help;
	size_t size;
	int (*open)(struct backend *be, struct device_args *args, char *err, size_t n);
	void (*close)(struct backend *be);
	unsigned int (*tx)(struct backend *be, unsigned int q, const struct frame *f,
			   unsigned int n);
	unsigned int (*rx)(struct backend *be, unsigned int q, struct frame *f, unsigned int max);
	int (*rx_fd)(struct backend *be, unsigned int q);
	bool (*rx_arm)(struct backend *be, unsigned int q);
	int (*set_queues)(struct backend *be, unsigned int n);
	void (*set_rx_features)(struct backend *be);
	void (*set_rss)(struct backend *be, const struct rss *rss);
	int (*verb)(struct backend *be, int argc, char **argv, char *answer, size_t n);
	void (*dump)(struct backend *be, struct json_object *into);
};

extern const struct backend_ops backend_tap_ops, backend_sink_ops, backend_source_ops,
	backend_echo_ops, backend_pair_ops;

/**
 * struct backend - common head of every backend, embedded first in its own struct
 * @ops: its kind
 * @vm: may be NULL
 * @n_queues: queues made at open, the most the guest can ever use
 * @n_active: queues in use now
 * @rx_features: BACKEND_RX_*
 * @mac: the NIC's address; source addresses its frames to it
 * @stats: per queue
 */
struct backend {
	const struct backend_ops *ops;
	struct vm *vm;
	unsigned int n_queues;
	unsigned int n_active;
	unsigned int rx_features;
	uint8_t mac[6];
	struct backend_queue_stats *stats;
};

/**
 * backend_open() - make a backend out of its command line spec
 * @vm: the machine, whose events the backend reports to; NULL in tests
 * @spec: "tap:ifname=..", "sink", "source:rate=..", "echo", "pair:NAME"; ';' counts as ','
 * @queues: queues the NIC may ever use, 1..%BACKEND_QUEUES_MAX. One queue is active at first, the
 *	rest by backend_set_queues()
 * @mac: the NIC's address
 * @err: one line that says what is wrong, on failure
 * @n: its size
 *
 * Control loop or before the vCPUs run.
 *
 * Return: the backend, or NULL with @err filled.
 */
struct backend *backend_open(struct vm *vm, const char *spec, unsigned int queues,
			     const uint8_t mac[6], char *err, size_t n);

/**
 * backend_close() - undo backend_open(); no loop may be inside it any more
 * @be: the backend, NULL is fine
 */
void backend_close(struct backend *be);

/**
 * backend_tx() - guest to backend
 * @be: the backend
 * @q: the queue, below n_queues (an inactive one still works: the guest may be draining it)
 * @f: frames, valid during the call only; their bytes are never written to
 * @n: how many
 *
 * Return: how many were accepted. The others were dropped (no room, malformed) and counted;
 * nothing is ever retried.
 */
unsigned int backend_tx(struct backend *be, unsigned int q, const struct frame *f, unsigned int n);

/**
 * backend_rx() - backend to guest
 * @be: the backend
 * @q: the queue
 * @f: filled with frames whose bytes stay valid until the next backend_rx() or backend_rx_arm()
 *	on this queue
 * @max: room in @f
 *
 * Never blocks.
 *
 * Return: frames filled, 0 when there is nothing now.
 */
unsigned int backend_rx(struct backend *be, unsigned int q, struct frame *f, unsigned int max);

/**
 * backend_rx_fd() - what to sleep on
 * @be: the backend
 * @q: the queue
 *
 * Level triggered: readable (EPOLLIN) when backend_rx() has frames and the queue was armed. The
 * NIC never reads it.
 *
 * Return: the fd, or -1 for a backend which never has frames (sink).
 */
int backend_rx_fd(struct backend *be, unsigned int q);

/**
 * backend_rx_arm() - last call before sleeping on the fd
 * @be: the backend
 * @q: the queue
 *
 * Return: true when frames came in meanwhile (call backend_rx() again); false: the fd becomes
 * readable with the next.
 */
bool backend_rx_arm(struct backend *be, unsigned int q);

/**
 * backend_set_queues() - how many queues the guest's driver uses now
 * @be: the backend
 * @n: 1..n_queues
 *
 * Return: 0, or a negative errno; the old number stays in force then.
 */
int backend_set_queues(struct backend *be, unsigned int n);

/**
 * backend_set_rx_features() - which offloaded frames the NIC takes
 * @be: the backend
 * @features: BACKEND_RX_*
 */
void backend_set_rx_features(struct backend *be, unsigned int features);

/**
 * backend_set_rss() - hash key, types and indirection table for spreading received frames
 * @be: the backend
 * @rss: copied; NULL = the default key over all active queues
 *
 * source, pair: pick the queue by it. tap: the host kernel picks the queue (by the flow's last tx
 * queue); the hash is filled in. echo: a frame comes back on the queue it left by.
 */
void backend_set_rss(struct backend *be, const struct rss *rss);

/**
 * backend_verb() - a control command for this backend: the NIC hands on `do net0 BACKEND VERB
 * ARGS` from argv[1] on
 * @be: the backend
 * @argc: words
 * @argv: verb and arguments
 * @answer: text for the guest
 * @n: its size
 *
 * Every backend knows `counters`: the sums of its counters that are not 0, as NAME=VALUE words.
 *
 * Return: 0, or a negative errno with the reason in @answer.
 */
int backend_verb(struct backend *be, int argc, char **argv, char *answer, size_t n);

/**
 * backend_dump() - statistics into a JSON object: backend, queues: [..] and the sums
 * @be: the backend
 * @into: object to add to
 */
void backend_dump(struct backend *be, struct json_object *into);

/**
 * backend_help() - one line for each kind of backend, for --help
 * @i: 0, 1, ...
 *
 * Return: the line, NULL after the last.
 */
const char *backend_help(unsigned int i);

/*
 * Payload of a source frame, and of what sink check=seq understands, at the start of the UDP or
 * TCP payload. Big endian, as on the wire.
 */
#define BACKEND_SEQ_MAGIC 0x68767371u /* "hvsq" */
struct backend_seq {
	uint32_t magic;
	uint32_t flow;
	uint64_t seq; /* 0, 1, 2 ... per flow since start */
} __attribute__((packed));

#endif
