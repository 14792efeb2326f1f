// SPDX-License-Identifier: GPL-2.0
/*
 * Attach and detach: a channel is left as it was found, whoever had it before.
 */
#include "rig.h"

static u64 next_id(struct vmbus_channel *channel, u64 addr)
{
	(void)channel;
	return addr;
}

static u64 address(struct vmbus_channel *channel, u64 id)
{
	(void)channel;
	return id;
}

static void interrupt(void *context)
{
	(void)context;
}

static struct vmbus_channel as_found(u32 rqstor_size)
{
	return (struct vmbus_channel){
		.state = CHANNEL_OPEN_STATE,
		.next_request_id_callback = next_id,
		.request_addr_callback = address,
		.rqstor_size = rqstor_size,
		.max_pkt_size = 4608,
		.callback_mode = HV_CALL_DIRECT,
		.low_latency = true,
		.kobj = { .references = 1 },
	};
}

static void round_trip(u32 rqstor_size)
{
	static const struct hva_params params = { .max_pkt_size = 9000, .low_latency = false };
	struct vmbus_channel channel = as_found(rqstor_size);
	struct hva_channel hc;

	memset(&hc, 0xee, sizeof(hc));
	check(!hva_attach(&hc, &channel, &params));
	check(hc.channel == &channel && !hc.doorbell_owed && !hc.lost && !hc.stats.rx_bad_index);
	check(!channel.next_request_id_callback && !channel.request_addr_callback);
	check(channel.rqstor_size >= 1);
	check(channel.max_pkt_size == 9000 && !channel.low_latency);
	check(channel.callback_mode == HV_CALL_ISR);
	check(channel.kobj.references == 2);
	/* The bus leaves it there when it cannot open the channel. */
	channel.onchannel_callback = interrupt;
	/* Rescinded meanwhile: given back all the same. */
	channel.rescind = true;
	hva_detach(&hc);
	check(!channel.onchannel_callback && !channel.sched_lock.held);
	check(channel.next_request_id_callback == next_id);
	check(channel.request_addr_callback == address);
	check(channel.rqstor_size == (rqstor_size ? rqstor_size : 1));
	check(channel.max_pkt_size == 4608 && channel.low_latency);
	check(channel.callback_mode == HV_CALL_DIRECT);
	check(channel.kobj.references == 1 && !hc.channel);
	hva_detach(&hc);
	check(channel.kobj.references == 1);
}

static void refused(void)
{
	static const struct hva_params params = { .max_pkt_size = 9000 };
	struct vmbus_channel channel = as_found(3), before;
	struct hva_channel hc = { 0 };

	channel.state = CHANNEL_OPENED_STATE;
	before = channel;
	check(hva_attach(&hc, &channel, &params) == -EBUSY);
	check(!memcmp(&before, &channel, sizeof(channel)));
	channel.state = CHANNEL_OPEN_STATE;
	channel.rescind = true;
	before = channel;
	check(hva_attach(&hc, &channel, &params) == -ENODEV);
	check(!memcmp(&before, &channel, sizeof(channel)));
	hva_detach(&hc);
	check(!memcmp(&before, &channel, sizeof(channel)));
}

void test_settings(void)
{
	round_trip(0);
	round_trip(1);
	round_trip(42130);
	refused();
}
