// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ethtool.h"
#include "memory.h"

/* Words of 32 features; the kernel says how many it has. */
#define FEATURE_WORDS 8
#define RSS_MAX 4096

int ethtool_ask(const char *nic, void *command)
{
	struct ifreq ifr = { .ifr_data = command };
	int fd, ret;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", nic);
	ret = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
	close(fd);
	return ret;
}

static struct ethtool_gfeatures *features_of(const char *nic)
{
	struct ethtool_gfeatures *f;

	f = must(calloc(1, sizeof(*f) + FEATURE_WORDS * sizeof(f->features[0])));
	f->cmd = ETHTOOL_GFEATURES;
	f->size = FEATURE_WORDS;
	if (!ethtool_ask(nic, f))
		return f;
	free(f);
	return NULL;
}

static struct ethtool_rxfh *rss_of(const char *nic)
{
	struct ethtool_rxfh size = { .cmd = ETHTOOL_GRSSH }, *rss;

	if (ethtool_ask(nic, &size) || size.indir_size > RSS_MAX || size.key_size > RSS_MAX)
		return NULL;
	rss = must(calloc(1, sizeof(*rss) + size.indir_size * sizeof(uint32_t) + size.key_size));
	*rss = size;
	rss->cmd = ETHTOOL_GRSSH;
	if (!ethtool_ask(nic, rss))
		return rss;
	free(rss);
	return NULL;
}

void ethtool_save(struct ethtool_settings *s, const char *nic)
{
	memset(s, 0, sizeof(*s));
	s->features = features_of(nic);
	s->channels.cmd = ETHTOOL_GCHANNELS;
	s->has_channels = !ethtool_ask(nic, &s->channels);
	s->rings.cmd = ETHTOOL_GRINGPARAM;
	s->has_rings = !ethtool_ask(nic, &s->rings);
	s->coalesce.cmd = ETHTOOL_GCOALESCE;
	s->has_coalesce = !ethtool_ask(nic, &s->coalesce);
	s->rss = rss_of(nic);
}

static void tell(void (*say)(const char *), const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void tell(void (*say)(const char *), const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	say(text);
}

static void restore_features(const struct ethtool_settings *s, const char *nic,
			     void (*say)(const char *))
{
	struct ethtool_gfeatures *now = features_of(nic);
	struct ethtool_sfeatures *set;
	unsigned int lost = 0;
	bool any = false;
	int ret;

	if (!now)
		return;
	set = must(calloc(1, sizeof(*set) + FEATURE_WORDS * sizeof(set->features[0])));
	set->cmd = ETHTOOL_SFEATURES;
	set->size = now->size;
	for (uint32_t i = 0; i < now->size && i < s->features->size; i++) {
		const struct ethtool_get_features_block *old = &s->features->features[i];
		const struct ethtool_get_features_block *new = &now->features[i];
		uint32_t differ = (old->requested ^ new->requested) & old->available;

		lost += __builtin_popcount(differ & old->requested & ~new->available &
					   ~new->active);
		set->features[i].valid = differ & new->available;
		set->features[i].requested = old->requested;
		any |= set->features[i].valid;
	}
	ret = any ? ethtool_ask(nic, set) : 0;
	if (ret < 0)
		tell(say, "offloads not restored: %s", strerror(-ret));
	if (lost)
		tell(say, "%u offloads that were on are not known to this driver", lost);
	free(set);
	free(now);
}

static void restore_channels(const struct ethtool_settings *s, const char *nic,
			     void (*say)(const char *))
{
	struct ethtool_channels now = { .cmd = ETHTOOL_GCHANNELS };
	uint32_t want = s->channels.combined_count;
	int ret;

	if (ethtool_ask(nic, &now) || now.combined_count == want)
		return;
	now.cmd = ETHTOOL_SCHANNELS;
	now.combined_count = want < now.max_combined ? want : now.max_combined;
	ret = ethtool_ask(nic, &now);
	if (ret)
		tell(say, "%u channels not restored: %s", want, strerror(-ret));
	else if (now.combined_count != want)
		tell(say, "%u channels of %u: this driver has no more", now.combined_count, want);
}

static void restore_rings(const struct ethtool_settings *s, const char *nic,
			  void (*say)(const char *))
{
	struct ethtool_ringparam now = { .cmd = ETHTOOL_GRINGPARAM };
	int ret;

	if (ethtool_ask(nic, &now) || (now.rx_pending == s->rings.rx_pending &&
				       now.tx_pending == s->rings.tx_pending))
		return;
	now.cmd = ETHTOOL_SRINGPARAM;
	now.rx_pending = s->rings.rx_pending;
	now.tx_pending = s->rings.tx_pending;
	ret = ethtool_ask(nic, &now);
	if (ret)
		tell(say, "rings of %u and %u not restored: %s", s->rings.rx_pending,
		     s->rings.tx_pending, strerror(-ret));
}

static void restore_coalesce(const struct ethtool_settings *s, const char *nic,
			     void (*say)(const char *))
{
	struct ethtool_coalesce now = { .cmd = ETHTOOL_GCOALESCE }, want = s->coalesce;
	int ret;

	ret = ethtool_ask(nic, &now);
	want.cmd = ETHTOOL_GCOALESCE;
	if (!ret && memcmp(&now, &want, sizeof(now))) {
		want.cmd = ETHTOOL_SCOALESCE;
		ret = ethtool_ask(nic, &want);
	}
	if (ret)
		tell(say, "interrupt coalescing not restored: %s", strerror(-ret));
}

/* As every driver begins: the queues in turn. */
static bool in_turn(const struct ethtool_rxfh *rss)
{
	uint32_t queues = 0;

	for (uint32_t i = 0; i < rss->indir_size; i++)
		if (rss->rss_config[i] >= queues)
			queues = rss->rss_config[i] + 1;
	for (uint32_t i = 0; i < rss->indir_size; i++)
		if (rss->rss_config[i] != i % queues)
			return false;
	return true;
}

static void restore_rss(const struct ethtool_settings *s, const char *nic,
			void (*say)(const char *))
{
	struct ethtool_rxfh *now = rss_of(nic), *set;
	size_t table = s->rss->indir_size * sizeof(uint32_t), key = s->rss->key_size;
	size_t size = sizeof(*set) + table + key;
	bool same;
	int ret;

	same = now && now->indir_size == s->rss->indir_size && now->key_size == key &&
	       !memcmp(now->rss_config, s->rss->rss_config, table + key);
	if (!same && !(in_turn(s->rss) && now && now->key_size == key &&
		       !memcmp((char *)now->rss_config + now->indir_size * sizeof(uint32_t),
			       (char *)s->rss->rss_config + table, key))) {
		set = must(malloc(size));
		memcpy(set, s->rss, size);
		set->cmd = ETHTOOL_SRSSH;
		if (in_turn(s->rss)) {
			set->indir_size = ETH_RXFH_INDIR_NO_CHANGE;
			memcpy(set->rss_config, (char *)s->rss->rss_config + table, key);
		}
		ret = ethtool_ask(nic, set);
		if (ret)
			tell(say, "RSS not restored: %s", strerror(-ret));
		free(set);
	}
	free(now);
}

void ethtool_restore(const struct ethtool_settings *s, const char *nic,
		     void (*say)(const char *text))
{
	if (s->has_channels)
		restore_channels(s, nic, say);
	if (s->has_rings)
		restore_rings(s, nic, say);
	if (s->has_coalesce)
		restore_coalesce(s, nic, say);
	if (s->rss)
		restore_rss(s, nic, say);
	if (s->features)
		restore_features(s, nic, say);
}
