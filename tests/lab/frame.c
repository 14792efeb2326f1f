// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "frame.h"

size_t frame_copy_out(const struct frame *f, size_t off, void *dst, size_t len)
{
	size_t done = 0;

	for (unsigned int i = 0; i < f->n_iov && done < len; i++) {
		size_t have = f->iov[i].iov_len;
		size_t n;

		if (off >= have) {
			off -= have;
			continue;
		}
		n = have - off;
		if (n > len - done)
			n = len - done;
		memcpy((char *)dst + done, (char *)f->iov[i].iov_base + off, n);
		done += n;
		off = 0;
	}
	return done;
}

bool frame_append_range(struct frame *dst, const struct frame *src, size_t off, size_t len)
{
	unsigned int n_iov = dst->n_iov;
	size_t left = len;

	for (unsigned int i = 0; i < src->n_iov && left; i++) {
		size_t have = src->iov[i].iov_len;
		size_t n;

		if (off >= have) {
			off -= have;
			continue;
		}
		if (n_iov > FRAME_IOV_MAX)
			return false;
		n = have - off;
		if (n > left)
			n = left;
		dst->iov[n_iov].iov_base = (char *)src->iov[i].iov_base + off;
		dst->iov[n_iov++].iov_len = n;
		left -= n;
		off = 0;
	}
	if (left)
		return false;
	dst->n_iov = n_iov;
	dst->len += len;
	return true;
}

void frame_copy_descriptor(struct frame *dst, const struct frame *src)
{
	memcpy(dst, src, offsetof(struct frame, iov) + src->n_iov * sizeof(src->iov[0]));
}
