/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints: exports, what importers do with them, and how they end. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM gpupt

#if !defined(_GPUPT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _GPUPT_TRACE_H

#include <linux/tracepoint.h>

#include "gpupt.h"

TRACE_EVENT(gpupt_export,
	TP_PROTO(const struct gpupt_buffer *buffer),
	TP_ARGS(buffer),
	TP_STRUCT__entry(
		__array(char, name, GPUPT_NAME_BYTES)
		__field(u32, bar)
		__field(u32, flags)
		__field(u64, size)
	),
	TP_fast_assign(
		memcpy(__entry->name, buffer->fn->name, GPUPT_NAME_BYTES);
		__entry->bar = buffer->bar;
		__entry->flags = buffer->flags;
		__entry->size = buffer->size;
	),
	TP_printk("%s bar %u flags %#x bytes %llu", __entry->name, __entry->bar, __entry->flags,
		  __entry->size)
);

DECLARE_EVENT_CLASS(gpupt_importer,
	TP_PROTO(const struct gpupt_buffer *buffer, const struct device *importer, int result),
	TP_ARGS(buffer, importer, result),
	TP_STRUCT__entry(
		__array(char, name, GPUPT_NAME_BYTES)
		__array(char, importer, GPUPT_NAME_BYTES)
		__field(int, result)
	),
	TP_fast_assign(
		memcpy(__entry->name, buffer->fn->name, GPUPT_NAME_BYTES);
		snprintf(__entry->importer, GPUPT_NAME_BYTES, "%s", dev_name(importer));
		__entry->result = result;
	),
	TP_printk("%s importer %s result %d", __entry->name, __entry->importer, __entry->result)
);

DEFINE_EVENT(gpupt_importer, gpupt_attach,
	TP_PROTO(const struct gpupt_buffer *buffer, const struct device *importer, int result),
	TP_ARGS(buffer, importer, result)
);

DEFINE_EVENT(gpupt_importer, gpupt_map,
	TP_PROTO(const struct gpupt_buffer *buffer, const struct device *importer, int result),
	TP_ARGS(buffer, importer, result)
);

TRACE_EVENT(gpupt_revoke,
	TP_PROTO(const struct gpupt_buffer *buffer, u64 ns, bool in_time),
	TP_ARGS(buffer, ns, in_time),
	TP_STRUCT__entry(
		__array(char, name, GPUPT_NAME_BYTES)
		__field(u64, ns)
		__field(bool, in_time)
	),
	TP_fast_assign(
		memcpy(__entry->name, buffer->fn->name, GPUPT_NAME_BYTES);
		__entry->ns = ns;
		__entry->in_time = in_time;
	),
	TP_printk("%s ns %llu in_time %d", __entry->name, __entry->ns, __entry->in_time)
);

TRACE_EVENT(gpupt_event,
	TP_PROTO(const struct gpupt_function *fn, u32 type, u64 count),
	TP_ARGS(fn, type, count),
	TP_STRUCT__entry(
		__array(char, name, GPUPT_NAME_BYTES)
		__field(u32, type)
		__field(u64, count)
	),
	TP_fast_assign(
		memcpy(__entry->name, fn->name, GPUPT_NAME_BYTES);
		__entry->type = type;
		__entry->count = count;
	),
	TP_printk("%s type %u count %llu", __entry->name, __entry->type, __entry->count)
);

#endif /* _GPUPT_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
