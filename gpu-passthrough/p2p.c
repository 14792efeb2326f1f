// SPDX-License-Identifier: GPL-2.0
/*
 * May a client reach a provider's memory? A guest cannot know: switches, ACS and IOMMU are the
 * host's. So there are three answers side by side: what pci_p2pdma of this kernel would say to a
 * driver that asks it, what this module would do, and whether somebody tried and compared the data.
 */
#include <linux/pci-p2pdma.h>

#include "gpupt.h"

static const char *const verdict_names[] = {
	[GPUPT_P2P_ALLOWED] = "allowed",
	[GPUPT_P2P_REFUSED] = "refused",
	[GPUPT_P2P_UNKNOWN] = "unknown",
};

static const char *const check_names[] = {
	[GPUPT_CHECK_NONE] = "unchecked",
	[GPUPT_CHECK_PASSED] = "passed",
	[GPUPT_CHECK_FAILED] = "failed",
};

static u32 kernel_verdict(struct pci_dev *provider, struct pci_dev *client)
{
	struct device *dev = &client->dev;

	if (!IS_ENABLED(CONFIG_PCI_P2PDMA))
		return GPUPT_P2P_UNKNOWN;
	return pci_p2pdma_distance_many(provider, &dev, 1, false) < 0 ? GPUPT_P2P_REFUSED :
									GPUPT_P2P_ALLOWED;
}

static bool has_memory(const struct gpupt_function *fn)
{
	unsigned int n;

	for (n = 0; n < GPUPT_BARS; n++)
		if (fn->bar[n].size)
			return true;
	return false;
}

/* With the provider's lock. */
static struct gpupt_check *check_of(struct gpupt_function *fn, struct pci_dev *client)
{
	unsigned int i;

	for (i = 0; i < fn->n_checks; i++)
		if (fn->checks[i].domain == pci_domain_nr(client->bus) &&
		    fn->checks[i].rid == pci_dev_id(client))
			return &fn->checks[i];
	return NULL;
}

/**
 * gpupt_p2p_report() - remember what a data check found
 * @provider: whose memory was read and written
 * @client: by whom
 * @result: GPUPT_CHECK_*
 *
 * Context: process. Of more than GPUPT_CHECKS clients the later ones are not remembered.
 */
void gpupt_p2p_report(struct gpupt_function *provider, struct pci_dev *client, u32 result)
{
	struct gpupt_check *check;

	mutex_lock(&provider->lock);
	check = check_of(provider, client);
	if (!check && provider->n_checks < GPUPT_CHECKS) {
		check = &provider->checks[provider->n_checks++];
		check->domain = pci_domain_nr(client->bus);
		check->rid = pci_dev_id(client);
	}
	if (check)
		check->result = result;
	mutex_unlock(&provider->lock);
}

/**
 * gpupt_p2p_forget() - a client goes: what has its address next was not checked
 * @provider: that it may have been checked with
 * @client: not removed yet
 *
 * Context: process.
 */
void gpupt_p2p_forget(struct gpupt_function *provider, struct pci_dev *client)
{
	struct gpupt_check *check;

	mutex_lock(&provider->lock);
	check = check_of(provider, client);
	if (check)
		*check = provider->checks[--provider->n_checks];
	mutex_unlock(&provider->lock);
}

/**
 * gpupt_p2p_verdict() - what is known of a pair
 * @provider: whose memory
 * @client: who would reach it
 *
 * Context: process, gpupt_lock held.
 *
 * Return: the answers; the reason is a constant string.
 */
struct gpupt_verdict gpupt_p2p_verdict(struct gpupt_function *provider, struct pci_dev *client)
{
	struct gpupt_verdict v = { .ours = GPUPT_P2P_REFUSED, .kernel = GPUPT_P2P_UNKNOWN };
	struct gpupt_check *check;

	mutex_lock(&provider->lock);
	if (!provider->listed)
		v.reason = "removed";
	else if (provider->pdev == client)
		v.reason = "itself";
	else if (!provider->claimed)
		v.reason = "its own driver decides";
	else if (!has_memory(provider))
		v.reason = "no prefetchable memory BAR";
	else if (provider->quiesced)
		v.reason = "quiesced";
	else
		v.reason = NULL;
	check = check_of(provider, client);
	if (check)
		v.data_check = check->result;
	mutex_unlock(&provider->lock);
	if (provider->listed && provider->pdev != client)
		v.kernel = kernel_verdict(provider->pdev, client);
	if (v.reason)
		return v;
	if (v.data_check == GPUPT_CHECK_FAILED) {
		v.reason = "its data check failed";
		return v;
	}
	v.ours = GPUPT_P2P_ALLOWED;
	v.reason = v.data_check ? "data check passed" : "mapped without asking, not data checked";
	return v;
}

static bool is_provider(const struct gpupt_function *fn)
{
	return fn->place.role == GPUPT_ROLE_GPU || READ_ONCE(fn->claimed);
}

static bool is_client(const struct gpupt_function *fn)
{
	return fn->place.role == GPUPT_ROLE_GPU || fn->place.role == GPUPT_ROLE_RDMA ||
	       fn->place.role == GPUPT_ROLE_STORAGE;
}

/**
 * gpupt_p2p_matrix() - every provider by every client, one pair a line, as many as fit
 * @text: appended to
 *
 * Context: process, gpupt_lock held.
 */
void gpupt_p2p_matrix(struct gpupt_text *text)
{
	struct gpupt_function *provider, *client;

	gpupt_text_add(text, "provider client kernel ours data_check reason\n");
	list_for_each_entry(provider, &gpupt_functions, list) {
		if (!is_provider(provider))
			continue;
		list_for_each_entry(client, &gpupt_functions, list) {
			struct gpupt_verdict v;

			if (client == provider || !is_client(client))
				continue;
			v = gpupt_p2p_verdict(provider, client->pdev);
			if (!gpupt_text_line(text, "%s %s %s %s %s %s\n", provider->name,
					     client->name, verdict_names[v.kernel],
					     verdict_names[v.ours], check_names[v.data_check],
					     v.reason))
				return;
		}
	}
}
