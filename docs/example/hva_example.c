// SPDX-License-Identifier: GPL-2.0
/*
 * A VMBus driver on hv_vmbus_accel, as small as one can be that talks to its host: it takes a
 * synthetic NIC by driver_override, asks the host for two protocol versions, and says which it takes.
 * docs/vmbus-api.md walks through it.
 *
 *	insmod hva_example.ko
 *	echo hva_example >/sys/bus/vmbus/devices/ID/driver_override
 *	echo ID >/sys/bus/vmbus/drivers_probe
 *
 * It is no network driver and uses no NAPI: the same calls serve a work item.
 */
#include <linux/completion.h>
#include <linux/hyperv.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <hv_vmbus_accel.h>

#include "../../compat/hyperv.h"

#define RING_BYTES	VMBUS_RING_SIZE(65536)
#define ANSWER_DEADLINE	(5 * HZ)

/* The request and its answer: first messages of NVSP, on the wire as the host wants them. */
#define NVSP_INIT		1
#define NVSP_INIT_COMPLETE	2
#define NVSP_SUCCESS		1
#define NVSP_MESSAGE_SIZE	40

struct request {
	__le32 type;
	__le32 version_min;
	__le32 version_max;
	u8 unused[NVSP_MESSAGE_SIZE - 12];
} __packed;

struct answer {
	__le32 type;
	__le32 version;
	__le32 max_ranges;
	__le32 status;
} __packed;

static_assert(sizeof(struct request) == NVSP_MESSAGE_SIZE);
static_assert(sizeof(struct answer) == 16);

/* One that no host has yet, and 6.1. A request has its index, plus one, as transaction id. */
static const u32 versions[] = { 0x70000, 0x60001 };

/* One device. The host may answer twice, late, or to what nobody asked: @answered says once. */
struct example {
	struct hv_device *device;
	struct hva_channel hc;
	struct work_struct read;
	struct completion all;
	unsigned long answered;
	unsigned long accepted;
	u32 strange;
};

/* An answer in the ring: each field is read once, bounded, then used. */
static void take(struct example *e, const struct hva_packet *packet)
{
	const struct answer *answer = packet->payload;
	u64 index = packet->txid - 1;

	if (packet->type != VM_PKT_COMP || packet->len < sizeof(*answer) ||
	    index >= ARRAY_SIZE(versions) || __test_and_set_bit(index, &e->answered) ||
	    le32_to_cpu(READ_ONCE(answer->type)) != NVSP_INIT_COMPLETE) {
		e->strange++;
		return;
	}
	if (le32_to_cpu(READ_ONCE(answer->status)) == NVSP_SUCCESS)
		__set_bit(index, &e->accepted);
	if (bitmap_full(&e->answered, ARRAY_SIZE(versions)))
		complete(&e->all);
}

/* All there is, then interrupts again; what came between the two is read as well. */
static void read_ring(struct work_struct *work)
{
	struct example *e = container_of(work, struct example, read);
	struct hva_packet packet;
	struct hva_reader reader;

	hva_read_begin(&reader, &e->hc);
	while (hva_read_next(&reader, &packet) > 0)
		take(e, &packet);
	hva_read_end(&reader);
	if (hva_read_unmask(&e->hc)) {
		hva_read_mask(&e->hc);
		schedule_work(&e->read);
	}
}

/* Hard interrupt: no more of them until the ring was read. */
static void interrupt(void *context)
{
	struct example *e = context;

	hva_read_mask(&e->hc);
	schedule_work(&e->read);
}

/* All requests: one lock, one index for the host to see, one doorbell at most. */
static int ask(struct example *e)
{
	struct hva_batch batch;
	u32 i;

	hva_batch_begin(&batch, &e->hc);
	for (i = 0; i < ARRAY_SIZE(versions); i++) {
		struct request request = {
			.type = cpu_to_le32(NVSP_INIT),
			.version_min = cpu_to_le32(versions[i]),
			.version_max = cpu_to_le32(versions[i]),
		};

		if (hva_batch_inband(&batch, &request, sizeof(request), i + 1,
				     VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED))
			break;
	}
	return hva_batch_end(&batch, false);
}

static void tell(struct example *e)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(versions); i++)
		if (test_bit(i, &e->accepted))
			dev_info(&e->device->device, "host takes version %#x\n", versions[i]);
	if (e->strange)
		dev_info(&e->device->device, "%u packets that nobody asked for\n", e->strange);
}

/* Nobody interrupts any more once the channel is closed; then the work is the last reader. */
static void stop(struct example *e)
{
	vmbus_close(e->device->channel);
	cancel_work_sync(&e->read);
	hva_detach(&e->hc);
}

static int example_probe(struct hv_device *device,
			 const struct hv_vmbus_device_id *id)
{
	const struct hva_params params = { .low_latency = true };
	struct example *e;
	int err;

	e = devm_kzalloc(&device->device, sizeof(*e), GFP_KERNEL);
	if (!e)
		return -ENOMEM;
	e->device = device;
	INIT_WORK(&e->read, read_ring);
	init_completion(&e->all);
	err = hva_attach(&e->hc, device->channel, &params);
	if (err)
		return err;
	err = vmbus_open(device->channel, RING_BYTES, RING_BYTES, NULL, 0, interrupt, e);
	if (err) {
		hva_detach(&e->hc);
		return err;
	}
	hv_set_drvdata(device, e);
	err = ask(e);
	if (!err && !wait_for_completion_timeout(&e->all, ANSWER_DEADLINE))
		dev_info(&device->device, "host did not answer every request\n");
	if (err) {
		stop(e);
		return err;
	}
	tell(e);
	return 0;
}

hv_remove_callback(example_remove, device)
{
	stop(hv_get_drvdata(device));
}

/* No ids: it takes a device only by driver_override. */
static const struct hv_vmbus_device_id none[] = { {} };

static struct hv_driver driver = {
	.name = "hva_example",
	.id_table = none,
	.probe = example_probe,
	.remove = example_remove,
};

static int __init example_init(void)
{
	return vmbus_driver_register(&driver);
}
module_init(example_init);

static void __exit example_exit(void)
{
	vmbus_driver_unregister(&driver);
}
module_exit(example_exit);

MODULE_DESCRIPTION("Example of a VMBus driver on hv_vmbus_accel");
MODULE_LICENSE("GPL");
