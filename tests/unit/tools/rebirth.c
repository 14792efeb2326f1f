// SPDX-License-Identifier: GPL-2.0
/*
 * rebirth NIC COMMAND [PEER]: saves what the interface has, runs the command, which makes it vanish
 * and come again, and restores it; then asks its gateways, and the peer. Prints what would be lost.
 * Exit: 0 done, 1 not restored, 2 no connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../tools/switch.h"

int main(int argc, char **argv)
{
	struct switching s = { .netns = -1, .home = -1, .limit = 20 };
	unsigned int losses = 0;
	struct nl_sock *sk = rtnl_open();
	struct link now;

	if (argc < 3 || !sk || keep_save(&s.keep, sk, argv[1], false, &losses))
		return 1;
	for (unsigned int bit = 0; loss_name(bit); bit++)
		if (losses & 1u << bit)
			printf("loss %s\n", loss_name(bit));
	s.peer = argc > 3 ? argv[3] : NULL;
	if (system(argv[2]) || rtnl_link(sk, &now, argv[1], NULL) || !now.index ||
	    now.index == s.keep.link.index)
		return 1;
	if (keep_restore_link(&s.keep, sk, &now, say_text) ||
	    rtnl_link_set(sk, now.index, s.keep.link.flags, IFF_UP, NULL, NULL) ||
	    keep_missing(&s.keep, sk, now.index) != (int)s.keep.address.n ||
	    keep_restore_network(&s.keep, sk, now.index, say_text) ||
	    keep_missing(&s.keep, sk, now.index))
		return 1;
	return check_connection(&s, sk, now.index, 4) ? 0 : 2;
}
