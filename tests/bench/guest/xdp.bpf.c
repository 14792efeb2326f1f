// SPDX-License-Identifier: GPL-2.0
/* The smallest programs of each kind: one counter, one verdict. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} packets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} other SEC(".maps");

static __always_inline void count(void)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&packets, &zero);

	if (n)
		*n += 1;
}

SEC("xdp") int drop(struct xdp_md *ctx)
{
	count();
	return XDP_DROP;
}

/* Where a program must be present for a NIC to take redirected packets. */
SEC("xdp") int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp") int tx(struct xdp_md *ctx)
{
	__u16 *mac = (void *)(long)ctx->data, part;
	int i;

	if ((void *)(mac + 6) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	for (i = 0; i < 3; i++) {
		part = mac[i];
		mac[i] = mac[i + 3];
		mac[i + 3] = part;
	}
	count();
	return XDP_TX;
}

SEC("xdp") int redirect(struct xdp_md *ctx)
{
	count();
	return bpf_redirect_map(&other, 0, 0);
}

char licence[] SEC("license") = "GPL";
