// SPDX-License-Identifier: GPL-2.0
/* probe NAME: what dmabuf_probe() says of a device, as a word, and why it could not be asked. */
#include <err.h>
#include <stdio.h>

#include "dmabuf-probe.h"

int main(int argc, char **argv)
{
	static const char *const word[] = {
		[DMABUF_UNKNOWN] = "unknown", [DMABUF_NO] = "no", [DMABUF_YES] = "yes",
	};
	char why[128] = "";
	enum dmabuf answer;

	if (argc != 2)
		errx(2, "usage: probe NAME");
	answer = dmabuf_probe(argv[1], why, sizeof(why));
	printf("%s%s%s\n", word[answer], answer == DMABUF_UNKNOWN ? ": " : "",
	       answer == DMABUF_UNKNOWN ? why : "");
	return 0;
}
