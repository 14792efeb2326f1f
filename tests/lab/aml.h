/* SPDX-License-Identifier: GPL-2.0 */
/* aml.h: writes ACPI Machine Language and resource descriptors (ACPI 6.5 chapters 20 and 6.4). */
#ifndef HVLAB_AML_H
#define HVLAB_AML_H

#include <stddef.h>
#include <stdint.h>

#define AML_MAX 16384
#define AML_DEPTH 8

/**
 * struct aml - a block of code being written
 *
 * Overflow is remembered in @full and everything after it dropped: check once, at the end.
 */
struct aml {
	uint8_t bytes[AML_MAX];
	size_t n;
	size_t open[AML_DEPTH];		/* where the length of each open block goes */
	unsigned int depth;
	int full;
};

/** aml_scope() - open Scope (@name); close with aml_end(). Names have four characters a part. */
void aml_scope(struct aml *a, const char *name);

/** aml_device() - open Device (@name); close with aml_end() */
void aml_device(struct aml *a, const char *name);

/** aml_end() - close the innermost open block */
void aml_end(struct aml *a);

/** aml_name_integer() - Name (@name, @value) */
void aml_name_integer(struct aml *a, const char *name, uint64_t value);

/** aml_name_string() - Name (@name, "@value") */
void aml_name_string(struct aml *a, const char *name, const char *value);

/** aml_name_eisaid() - Name (@name, EisaId ("@id")), e.g. PNP0501 */
void aml_name_eisaid(struct aml *a, const char *name, const char *id);

/** aml_name_package() - Name (@name, Package () { integers }) */
void aml_name_package(struct aml *a, const char *name, const uint64_t *value, unsigned int n);

/**
 * aml_resources() - open Name (@name, ResourceTemplate () { ... }); close with aml_resources_end()
 *
 * Between the two only the descriptors below may be written.
 */
void aml_resources(struct aml *a, const char *name);

/** aml_resources_end() - end tag, and the buffer's sizes */
void aml_resources_end(struct aml *a);

/** aml_io() - IO (Decode16, @base, @base, 1, @len) */
void aml_io(struct aml *a, uint16_t base, uint8_t len);

/** aml_interrupt() - Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { @gsi } */
void aml_interrupt(struct aml *a, uint32_t gsi);

/** aml_memory32() - Memory32Fixed (ReadWrite, @base, @len) */
void aml_memory32(struct aml *a, uint32_t base, uint32_t len);

/** aml_window32() - DWordMemory (ResourceProducer, ..., NonCacheable, ReadWrite) */
void aml_window32(struct aml *a, uint32_t base, uint32_t len);

/** aml_window64() - QWordMemory (ResourceProducer, ..., NonCacheable, ReadWrite) */
void aml_window64(struct aml *a, uint64_t base, uint64_t len);

/** aml_bus_numbers() - WordBusNumber (ResourceProducer, ...) */
void aml_bus_numbers(struct aml *a, uint16_t first, uint16_t last);

#endif
