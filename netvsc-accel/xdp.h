/* SPDX-License-Identifier: GPL-2.0 */
/*
 * XDP: programs run on the receive copy, and frames that go out without a packet buffer. xdp.c has
 * programs and verdicts, xdp_tx.c transmits, xsk.c serves AF_XDP sockets.
 */
#ifndef HV_NETVSC_ACCEL_XDP_H
#define HV_NETVSC_ACCEL_XDP_H

#include <linux/types.h>
#include <net/xdp.h>

struct bpf_prog;
struct net_device;
struct netdev_bpf;
struct nva_device;
struct nva_queue;
struct nva_slot;
struct rndis_rx;
struct sk_buff;
struct xsk_buff_pool;

/* Frames that are sent under one lock. */
#define NVA_XDP_BULK		32u
/* Buffers of a socket that are taken at once. */
#define NVA_XSK_CHUNKS		32u
/* Frames up to this are copied out of their page when a program lets them through. */
#define NVA_XDP_COPY		256u

/* Bytes of a frame that lie in the first page, behind the standard headroom. */
#define NVA_XDP_LINEAR		((u32)SKB_WITH_OVERHEAD(PAGE_SIZE - XDP_PACKET_HEADROOM))

/**
 * struct nva_xdp_buff - a frame for a program, with what the metadata functions need
 * @xdp: frame
 * @rx: what the host said about it
 * @ndev: interface
 */
struct nva_xdp_buff {
	struct xdp_buff xdp;
	const struct rndis_rx *rx;
	const struct net_device *ndev;
};

/**
 * struct nva_outgoing - VMBus packets being prepared, each frame its own at worst
 * @slot: their slots, taken and not armed
 * @bytes: bytes of each section in use
 * @n: how many
 * @open: the last slot is a section that takes more
 * @last: where the last message in it starts
 */
struct nva_outgoing {
	struct nva_slot *slot[NVA_XDP_BULK];
	u32 bytes[NVA_XDP_BULK];
	u32 n;
	bool open;
	u32 last;
};

/**
 * struct nva_xdp - XDP side of a queue
 * @prog: program, or NULL; written under RTNL, read by NAPI within a poll
 * @pool: buffers of an AF_XDP socket bound to this queue, or NULL; likewise
 * @buffer: a whole page of the queue's pool that no frame is in, or NULL; NAPI
 * @chunk: buffers of @pool that no frame is in, [@chunk_at, @chunk_end); NAPI
 * @chunk_at: the next one; NAPI
 * @chunk_end: see @chunk; NAPI
 * @buff: the frame in @buffer; here and not on the stack: most of it stays; NAPI
 * @redirected: xdp_do_flush() is due; NAPI
 * @owed: a doorbell is due for frames that were sent back; NAPI
 * @back: frames that programs sent back, copied into sections already; empty between polls; NAPI
 * @back_packets: how many; NAPI
 * @back_bytes: their bytes; NAPI
 * @n_tx: frames in @tx; NAPI
 * @tx: frames that programs sent back and that are not copied, or do not overtake one that is not
 * @rxq: for programs, memory of the queue's page pool; session
 * @zc_rxq: likewise, memory of @pool
 */
struct nva_xdp {
	struct bpf_prog *prog;
	struct xsk_buff_pool *pool;
	struct page *buffer;
	struct xdp_buff *chunk[NVA_XSK_CHUNKS];
	u32 chunk_at;
	u32 chunk_end;
	struct nva_xdp_buff buff;
	bool redirected;
	bool owed;
	struct nva_outgoing back;
	u32 back_packets;
	u32 back_bytes;
	u32 n_tx;
	struct xdp_frame *tx[NVA_XDP_BULK];
	struct xdp_rxq_info rxq;
	struct xdp_rxq_info zc_rxq;
};

/* What became of a frame that a program saw. */
enum nva_xdp_end {
	NVA_XDP_FREE,	/* nobody keeps it: its buffer takes the next one */
	NVA_XDP_GONE,	/* its buffer is somebody else's */
	NVA_XDP_UP,	/* the stack is to have it */
};

/* xdp.c */
void nva_xdp_setup(struct net_device *ndev);
int nva_xdp_open(struct nva_queue *q);
void nva_xdp_close(struct nva_queue *q);
bool nva_xdp_mtu_ok(const struct nva_device *dev, u32 mtu);
int nva_bpf(struct net_device *ndev, struct netdev_bpf *bpf);
struct sk_buff *nva_xdp_receive(struct nva_queue *q, struct bpf_prog *prog, const void *frame,
				const struct rndis_rx *rx);
enum nva_xdp_end nva_xdp_run(struct nva_queue *q, struct bpf_prog *prog, struct xdp_buff *xdp,
			     u32 length);
void nva_xdp_describe(struct xdp_buff *xdp, const struct net_device *ndev,
		      const struct rndis_rx *rx);
bool nva_xdp_flush(struct nva_queue *q);

/* xdp_tx.c */
bool nva_xdp_copy_back(struct nva_queue *q, const void *frame, u32 length);
void nva_xdp_send_back(struct nva_queue *q);
u32 nva_xdp_send(struct nva_queue *q, struct xdp_frame **frames, u32 n, bool more);
u32 nva_xdp_send_umem(struct nva_queue *q, struct xsk_buff_pool *pool, u32 *room);
int nva_xdp_xmit(struct net_device *ndev, int n, struct xdp_frame **frames, u32 flags);
bool nva_xdp_owns(const struct sk_buff *tagged);
void nva_xdp_sent(struct sk_buff *tagged);

/* xsk.c */
int nva_xsk_setup(struct nva_queue *q, struct xsk_buff_pool *pool);
int nva_xsk_wakeup(struct net_device *ndev, u32 queue, u32 flags);
struct sk_buff *nva_xsk_receive(struct nva_queue *q, struct xsk_buff_pool *pool,
				struct bpf_prog *prog, const void *frame,
				const struct rndis_rx *rx);
bool nva_xsk_transmit(struct nva_queue *q, struct xsk_buff_pool *pool, bool *sent);

#endif
